import { Metadata, status } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AlreadyExists,
  Cancelled,
  DeadlineExceeded,
  FailedPrecondition,
  Internal,
  InvalidArgument,
  NotFound,
  PermissionDenied,
  ResourceExhausted,
  Unauthenticated,
  Unavailable,
  exitCodeOf,
} from '../errors.js';
import { fromGrpcFailure, toGrpcFailure } from './status.js';

const TABLE = [
  { error: new InvalidArgument('attack.steps', -1, 'must be at least 1'), code: status.INVALID_ARGUMENT, exit: 3 },
  {
    error: new InvalidArgument([
      { field: 'eps', value: '300/255', rule: 'must be at most 1' },
      { field: 'norm', value: '', rule: 'must be one of L2, Linf' },
    ]),
    code: status.INVALID_ARGUMENT,
    exit: 3,
  },
  { error: new NotFound('network', 'sha256:00', 'import it first'), code: status.NOT_FOUND, exit: 4 },
  { error: new AlreadyExists('dataset', 'cifar10'), code: status.ALREADY_EXISTS, exit: 3 },
  { error: new ResourceExhausted('device cuda:0', 'a job runs on it', 2500), code: status.RESOURCE_EXHAUSTED, exit: 5 },
  { error: new ResourceExhausted('disk', 'no space left on /data'), code: status.RESOURCE_EXHAUSTED, exit: 5 },
  { error: new FailedPrecondition('run 7', 'it has ended'), code: status.FAILED_PRECONDITION, exit: 1 },
  { error: new Unavailable('trainer', 'it is shutting down'), code: status.UNAVAILABLE, exit: 5 },
  { error: new DeadlineExceeded('/echo.v1.EchoService/Say'), code: status.DEADLINE_EXCEEDED, exit: 5 },
  { error: new Cancelled('run 7'), code: status.CANCELLED, exit: 130 },
  { error: new Unauthenticated('the token has expired'), code: status.UNAUTHENTICATED, exit: 1 },
  { error: new PermissionDenied('DeleteRun', 'role reader may only read'), code: status.PERMISSION_DENIED, exit: 1 },
  { error: new Internal('the device was lost – größer als 5 °C'), code: status.INTERNAL, exit: 1 },
];

describe('an error crossing gRPC', () => {
  for (const { error, code, exit } of TABLE) {
    it(`keeps class, message, fields and exit code: ${error.message}`, () => {
      const failure = toGrpcFailure(error, 'trainer');
      assert.equal(failure.code, code);
      const back = fromGrpcFailure(failure, 'trainer:50051');
      assert.equal(back.constructor, error.constructor);
      assert.equal(back.message, error.message);
      assert.deepEqual(back.fields, error.fields);
      assert.equal(exitCodeOf(back), exit);
      if (error instanceof InvalidArgument) assert.deepEqual((back as InvalidArgument).violations, error.violations);
      if (error instanceof ResourceExhausted) assert.equal((back as ResourceExhausted).retryAfterMs, error.retryAfterMs);
    });
  }

  it('names field, value and rule in the message', () => {
    assert.equal(new InvalidArgument('attack.steps', -1, 'must be at least 1').message, 'attack.steps is -1: must be at least 1');
  });

  it('without our details becomes the class of its code', () => {
    const foreign = Object.assign(new Error('14 UNAVAILABLE: no route'), {
      code: status.UNAVAILABLE,
      details: 'no route',
      metadata: new Metadata(),
    });
    const back = fromGrpcFailure(foreign, 'attacker:50052');
    assert.ok(back instanceof Unavailable);
    assert.equal(back.message, 'attacker:50052 is unavailable: no route');
  });

  it('that is too long for a header keeps its code and the start of its message', () => {
    const failure = toGrpcFailure(new Internal('x'.repeat(20_000)), 'trainer');
    assert.equal(failure.code, status.INTERNAL);
    assert.ok(failure.details.length < 2000);
    assert.deepEqual(failure.metadata.get('grpc-status-details-bin'), []);
  });

  it('that is no status at all is Internal with its cause', () => {
    const cause = new RangeError('boom');
    const back = fromGrpcFailure(cause, 'trainer');
    assert.ok(back instanceof Internal);
    assert.equal(back.cause, cause);
  });
});
