import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResourceExhausted } from '../errors.js';
import { echo, startEcho } from '../testing/echo.js';
import { OpenStreams } from './open-streams.js';

describe('streams of one caller', () => {
  it('are no more than the limit at once; one that ends makes room, and unary calls need none', async () => {
    const authorize = (): { caller: string; role: string; audited: boolean } => ({ caller: 'somebody', role: '', audited: false });
    await using running = await startEcho({ grpc: { host: '127.0.0.1', port: 0, drainMs: 8000, authorize, streamsPerCaller: 2 } });
    const open = async (): Promise<AsyncGenerator<unknown>> => {
      const stream = running.peer.serverStream(echo.Count, { mode: 'endless', to: 1 });
      await stream.next();
      return stream;
    };
    const [first] = [await open(), await open()];
    await assert.rejects(open(), (error) => error instanceof ResourceExhausted && /somebody has 2 open/.test(error.message));
    await assert.rejects(running.peer.clientStream(echo.Collect, [{ text: 'a' }]), ResourceExhausted);
    assert.deepEqual(await running.peer.unary(echo.Say, { text: 'a' }), { text: 'a' });
    await first.return(undefined);
    const again = async (): Promise<AsyncGenerator<unknown>> =>
      open().catch(async (error: unknown) => {
        assert.ok(error instanceof ResourceExhausted, String(error));
        // The server learns a moment later that the reader has gone.
        await new Promise((resolve) => setImmediate(resolve));
        return again();
      });
    await again();
  });

  it('are counted for each caller, and not at all without a limit', () => {
    const streams = new OpenStreams(1);
    const leave = streams.enter('one');
    streams.enter('other');
    assert.throws(() => streams.enter('one'), ResourceExhausted);
    leave();
    streams.enter('one');
    const unlimited = new OpenStreams(0);
    for (let at = 0; at < 5; at += 1) unlimited.enter('one');
  });
});
