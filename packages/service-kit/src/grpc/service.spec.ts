import { once } from 'node:events';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Controller } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';
import { newTraceId, withContext } from '../context.js';
import {
  Cancelled,
  DeadlineExceeded,
  FailedPrecondition,
  Internal,
  InvalidArgument,
  NotFound,
  ResourceExhausted,
  Unavailable,
} from '../errors.js';
import { EchoController, echo, echoOptions, events, failNext, moduleOf, startEcho } from '../testing/echo.js';
import { startService } from './bootstrap.js';

describe('an error of a handler', () => {
  it('arrives at the client as the same class with the same fields', async () => {
    await using running = await startEcho();
    await assert.rejects(running.peer.unary(echo.Say, { text: 'invalid' }), (error) => {
      assert.ok(error instanceof InvalidArgument);
      assert.deepEqual(error.violations, [{ field: 'attack.steps', value: '-1', rule: 'must be between 1 and 1000' }]);
      return true;
    });
    await assert.rejects(
      running.peer.unary(echo.Say, { text: 'missing' }),
      (error) => error instanceof NotFound && error.id === 'sha256:abc',
    );
  });

  it('ends a stream after the messages sent before it', async () => {
    await using running = await startEcho();
    const seen: number[] = [];
    const read = async (): Promise<void> => {
      for await (const { value } of running.peer.serverStream(echo.Count, { mode: 'failing', to: 3 })) seen.push(value);
    };
    await assert.rejects(read(), (error) => error instanceof NotFound && error.what === 'dataset');
    assert.equal(seen.at(-1), 3);
  });

  it('that is a defect is INTERNAL and tells the caller nothing but the trace id', async () => {
    await using running = await startEcho();
    const traceId = newTraceId();
    await withContext({ traceId }, () =>
      assert.rejects(running.peer.unary(echo.Say, { text: 'defect' }), (error) => {
        assert.ok(error instanceof Internal);
        assert.doesNotMatch(error.message, /hunter2/);
        assert.match(error.message, new RegExp(traceId));
        return true;
      }),
    );
  });
});

describe('a call that is given up', () => {
  it('stops its unary handler when the client cancels', async () => {
    await using running = await startEcho();
    const controller = new AbortController();
    const waiting = once(events, 'waiting');
    const call = running.peer.unary(echo.Say, { text: 'wait' }, { signal: controller.signal });
    await waiting;
    const stopped = once(events, 'stopped');
    controller.abort();
    await assert.rejects(call, Cancelled);
    const [reason] = (await stopped) as [unknown];
    assert.ok(reason instanceof Cancelled);
  });

  it('stops its handler when the deadline of the client passes', async () => {
    await using running = await startEcho();
    const stopped = once(events, 'stopped');
    await assert.rejects(running.peer.unary(echo.Say, { text: 'wait' }, { timeoutMs: 100 }), DeadlineExceeded);
    const [reason] = (await stopped) as [unknown];
    assert.ok(reason instanceof DeadlineExceeded);
  });

  it('stops its handler at the time limit of the server, whatever the client allows', async () => {
    await using running = await startEcho({ grpc: { host: '127.0.0.1', port: 0, unaryTimeoutMs: 100 } });
    await assert.rejects(running.peer.unary(echo.Say, { text: 'wait' }, { timeoutMs: 10_000 }), DeadlineExceeded);
  });

  it('stops the work behind a stream when the reader leaves its loop', async () => {
    await using running = await startEcho();
    const stopped = once(events, 'stopped');
    for await (const { value } of running.peer.serverStream(echo.Count, { mode: 'endless', to: 1 })) {
      assert.equal(value, 1);
      break;
    }
    const [reason] = (await stopped) as [unknown];
    assert.ok(reason instanceof Cancelled);
  });

  it('stops a handler that reads requests when the client goes away half-way', async () => {
    await using running = await startEcho();
    const controller = new AbortController();
    const endless = async function* (): AsyncGenerator<{ text: string }> {
      yield { text: 'first' };
      await new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
    };
    const collected = once(events, 'collected');
    const call = running.peer.clientStream(echo.Collect, endless(), { signal: controller.signal });
    await collected;
    controller.abort();
    await assert.rejects(call, Cancelled);
  });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of buffers that are still referenced. */
function held(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

describe('a stream', () => {
  it('of progress gives a fast reader every state and the result last', async () => {
    await using running = await startEcho();
    const seen: number[] = [];
    for await (const { value } of running.peer.serverStream(echo.Count, { mode: 'paced', to: 20 })) seen.push(value);
    assert.deepEqual(seen, [...Array.from({ length: 20 }, (_, index) => index + 1), -1]);
  });

  it('of progress costs a slow reader no memory, and still gives it the latest state and the result', async () => {
    await using running = await startEcho();
    const bytes = 64 << 10;
    const to = 4000;
    const stream = running.peer.serverStream(echo.Count, { mode: 'flood', to, bytes });
    const seen: number[] = [];
    const before = held();
    let highest = 0;
    for await (const { value } of stream) {
      seen.push(value);
      if (seen.length === 1) {
        for (let look = 0; look < 20; look += 1) {
          await new Promise((resolve) => setTimeout(resolve, 25));
          highest = Math.max(highest, held());
        }
      }
    }
    assert.equal(seen.at(-1), -1);
    assert.equal(seen.at(-2), to);
    assert.ok(seen.length < to / 4, `${seen.length} of ${to} states were sent to a reader that did not read`);
    assert.ok(highest - before < 100 << 20, `memory rose by ${(highest - before) >> 20} MiB of ${(to * bytes) >> 20} MiB`);
  });

  it('of an iterable loses nothing and is taken only as fast as the reader reads', async () => {
    await using running = await startEcho();
    let yielded = 0;
    const count = (value: number): void => void (yielded = value);
    events.on('yielded', count);
    const stream = running.peer.serverStream(echo.Count, { mode: 'all', to: 500, bytes: 64 << 10 });
    const first = await stream.next();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(yielded < 200, `${yielded} messages were made for a reader that took one`);
    const rest: number[] = [];
    for await (const { value } of stream) rest.push(value);
    events.off('yielded', count);
    assert.equal((first.value as { value: number }).value, 1);
    assert.deepEqual(
      rest,
      Array.from({ length: 499 }, (_, index) => index + 2),
    );
  });

  it('of a handler that heeds nobody is cut with RESOURCE_EXHAUSTED when its reader stands still', async () => {
    await using running = await startEcho();
    const stream = running.peer.serverStream(echo.Count, { mode: 'unheeding', bytes: 64 << 10 });
    await stream.next();
    // On a busy machine the handler takes seconds to write more than may wait.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const drain = async (): Promise<void> => {
      for await (const message of stream) assert.ok(message);
    };
    await assert.rejects(drain(), ResourceExhausted);
  });

  it('of requests is read to its end and answered once', async () => {
    await using running = await startEcho();
    const texts = Array.from({ length: 200 }, (_, index) => ({ text: `w${index}` }));
    const { text } = await running.peer.clientStream(echo.Collect, texts);
    assert.equal(text, texts.map((request) => request.text).join(' '));
  });

  it('in both directions answers each request', async () => {
    await using running = await startEcho();
    const answers: string[] = [];
    for await (const { text } of running.peer.duplex(echo.Chat, [{ text: 'a' }, { text: 'b' }])) answers.push(text);
    assert.deepEqual(answers, ['A', 'B']);
  });
});

describe('a shutdown', () => {
  it('ends open streams with UNAVAILABLE, lets unary calls finish and refuses new ones', async () => {
    await using running = await startEcho();
    const { peer, service } = running;
    const stream = peer.serverStream(echo.Count, { mode: 'endless', to: 1 });
    await stream.next();
    const slowBegan = once(events, 'slow');
    const slow = peer.unary(echo.Say, { text: 'slow' });
    await slowBegan;
    const began = Date.now();
    const closed = service.close();
    await assert.rejects(stream.next(), (error) => error instanceof Unavailable && /shutting down/.test(error.message));
    assert.deepEqual(await slow, { text: 'done' });
    await closed;
    assert.ok(Date.now() - began < 6000, 'the drain waited for its time limit although all calls had ended');
    await assert.rejects(
      peer.unary(echo.Say, { text: 'late' }, { timeoutMs: 500 }),
      (error) => error instanceof Unavailable || error instanceof DeadlineExceeded,
    );
  });

  it('cuts calls that do not end within the drain time', async () => {
    await using running = await startEcho({ grpc: { host: '127.0.0.1', port: 0, drainMs: 200 } });
    const waiting = once(events, 'waiting');
    const call = running.peer.unary(echo.Say, { text: 'wait' });
    const rejected = assert.rejects(call, (error) => error instanceof Unavailable && /shutting down/.test(error.message));
    await waiting;
    const began = Date.now();
    await running.service.close();
    await rejected;
    assert.ok(Date.now() - began < 6000, `the shutdown took ${Date.now() - began} ms`);
  });
});

describe('a start', () => {
  it('fails when an RPC has no handler, naming it', async () => {
    @Controller()
    class Partial {
      @GrpcMethod('EchoService', 'Say')
      say(): object {
        return {};
      }
    }
    await assert.rejects(startService(echoOptions({ module: moduleOf(Partial) })), (error) => {
      assert.ok(error instanceof FailedPrecondition);
      for (const name of ['Count', 'Collect', 'Chat'])
        assert.match(error.message, new RegExp(`echo\\.v1\\.EchoService\\.${name} has no handler`));
      return true;
    });
  });

  it('fails when an RPC has two handlers, and when a handler has no RPC', async () => {
    @Controller()
    class Second {
      @GrpcMethod('EchoService', 'Say')
      say(): object {
        return {};
      }
    }
    @Controller()
    class Misspelt {
      @GrpcStreamCall('EchoService', 'Chatt')
      chat(): object {
        return {};
      }
    }
    await assert.rejects(startService(echoOptions({ module: moduleOf(EchoController, Second) })), /two handlers for .*"rpc":"Say"/);
    await assert.rejects(
      startService(echoOptions({ module: moduleOf(EchoController, Misspelt) })),
      /no RPC of the services is handled by .*Chatt/,
    );
  });

  it('fails with one sentence when the port is in use', async () => {
    await using running = await startEcho();
    const port = running.service.grpcPort;
    await assert.rejects(startService(echoOptions({ grpc: { host: '127.0.0.1', port } })), (error) => {
      assert.ok(error instanceof FailedPrecondition);
      assert.match(error.message, new RegExp(`^127\\.0\\.0\\.1:${port}: this port is in use by another process`));
      return true;
    });
  });
});

describe('a client', () => {
  it('tries an idempotent call again while the other side is unavailable, and no other call', async () => {
    await using running = await startEcho();
    failNext(2);
    assert.deepEqual(await running.peer.unary(echo.Say, { text: 'flaky' }, { idempotent: true }), { text: 'done' });
    failNext(1);
    await assert.rejects(running.peer.unary(echo.Say, { text: 'flaky' }), Unavailable);
  });

  it('stops trying at its timeout when nobody listens', async () => {
    const running = await startEcho();
    await running.service.close();
    const began = Date.now();
    await assert.rejects(running.peer.unary(echo.Say, { text: 'x' }, { idempotent: true, timeoutMs: 800 }));
    assert.ok(Date.now() - began < 6000);
    running.peer.close();
  });

  it('takes its trace and run along, and its token', async () => {
    await using running = await startEcho();
    const context = { traceId: newTraceId(), runId: 'run-7' };
    const { text } = await withContext(context, () => running.peer.unary(echo.Say, { text: 'context' }));
    const { spanId, ...seen } = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual(seen, { ...context, token: 'Bearer secret' });
    assert.match(String(spanId), /^[0-9a-f]{16}$/);
  });
});
