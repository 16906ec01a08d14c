import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  Cancelled,
  FailedPrecondition,
  Internal,
  InvalidArgument,
  NotFound,
  ResourceExhausted,
  Unavailable,
} from '@rift/service-kit/client';

import { fromNative } from './errors.js';

const native = (failure: object) => new Error(JSON.stringify(failure));

describe('fromNative', () => {
  const cases: [code: string, failure: object, expected: Error][] = [
    [
      'InvalidArgument with its field, value and rule',
      { code: 'InvalidArgument', message: 'm', field: 'spec.steps', value: '0', rule: 'must be at least 1' },
      new InvalidArgument('spec.steps', '0', 'must be at least 1'),
    ],
    [
      'InvalidFile as an invalid argument naming the file',
      { code: 'InvalidFile', message: '/store/ab: the header is cut off; copy it again' },
      new InvalidArgument('file', '/store/ab', 'the header is cut off; copy it again'),
    ],
    [
      'NotFound with its hint',
      { code: 'NotFound', message: 'module not found: layer9; did you mean layer1?' },
      new NotFound('module', 'layer9', 'did you mean layer1?'),
    ],
    ['NotFound without a hint', { code: 'NotFound', message: 'file not found: /a' }, new NotFound('file', '/a')],
    [
      'ResourceExhausted with what ran out',
      { code: 'ResourceExhausted', message: 'memory exhausted: 3 GB asked; lower batchSize' },
      new ResourceExhausted('memory', '3 GB asked; lower batchSize'),
    ],
    [
      'FailedPrecondition with its subject',
      { code: 'FailedPrecondition', message: 'device cuda is not available: no GPU' },
      new FailedPrecondition('device cuda is not available', 'no GPU'),
    ],
    ['Cancelled', { code: 'Cancelled', message: 'cancelled' }, new Cancelled('job craft')],
    ['Numeric as internal', { code: 'Numeric', message: 'not a finite number in loss' }, new Internal('not a finite number in loss')],
    ['Torch as internal', { code: 'Torch', message: 'libtorch: no' }, new Internal('libtorch: no')],
  ];
  for (const [name, failure, expected] of cases) {
    it(`restores ${name}`, () => {
      const restored = fromNative(native(failure), 'job craft');
      assert.equal(restored.constructor, expected.constructor);
      assert.equal(restored.message, expected.message);
    });
  }

  it('keeps a service error as it is', () => {
    const error = new Unavailable('store', 'gone');
    assert.equal(fromNative(error, 'job craft'), error);
  });

  it('makes anything else Internal and keeps it as the cause', () => {
    const error = new Error('plain text');
    const restored = fromNative(error, 'job craft');
    assert.ok(restored instanceof Internal);
    assert.equal(restored.message, 'the engine failed: plain text');
    assert.equal(restored.cause, error);
  });
});
