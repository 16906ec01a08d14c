import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { InvalidArgument, Unauthenticated } from '../errors.js';
import { echo, startEcho } from '../testing/echo.js';
import { fromGrpcFailure } from './status.js';

describe('a request that is no message', () => {
  /** Field 1 of wire type 7, which there is not, and no value. */
  const broken = Buffer.from([0x0f]);
  const good = Buffer.from([0x0a, 0x01, 0x61]);
  const same = (bytes: Buffer): Buffer => bytes;

  it('is INVALID_ARGUMENT with the reason, whatever the kind of the call', { timeout: 30_000 }, async (t) => {
    await using running = await startEcho();
    const client = new Client(`127.0.0.1:${running.service.grpcPort}`, credentials.createInsecure());
    t.after(() => client.close());
    const failures = await Promise.all(
      (['Say', 'Count', 'Collect', 'Chat'] as const).map((name) => {
        const { path, requestStream, responseStream } = echo[name];
        return new Promise((resolve) => {
          if (responseStream) {
            const stream = requestStream
              ? client.makeBidiStreamRequest(path, same, same)
              : client.makeServerStreamRequest(path, same, same, broken);
            stream.on('data', () => undefined).on('error', resolve);
            if (stream instanceof Writable) stream.write(broken);
          } else if (requestStream) {
            const stream = client.makeClientStreamRequest(path, same, same, resolve);
            stream.write(good);
            stream.end(broken);
          } else client.makeUnaryRequest(path, same, same, broken, resolve);
        });
      }),
    );
    for (const failure of failures) {
      const error = fromGrpcFailure(failure, 'echo');
      assert.ok(error instanceof InvalidArgument, String(failure));
      assert.match(error.message, /^request is 1 byte: must be an encoded (Say|Count)Request: index out of range/);
    }
  });

  it('is refused for want of a token before it is refused for its bytes', async (t) => {
    const refuse = (): never => {
      throw new Unauthenticated('send a token');
    };
    await using running = await startEcho({ grpc: { host: '127.0.0.1', port: 0, authorize: refuse } });
    const client = new Client(`127.0.0.1:${running.service.grpcPort}`, credentials.createInsecure());
    t.after(() => client.close());
    const failure = await new Promise((resolve) => client.makeUnaryRequest(echo.Say.path, same, same, broken, resolve));
    assert.ok(fromGrpcFailure(failure, 'echo') instanceof Unauthenticated);
  });
});
