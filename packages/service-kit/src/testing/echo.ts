// A real service for this package's tests: the controller does what the request's text asks for.
import { Metadata } from '@grpc/grpc-js';
import { type MethodDefinition, loadSync } from '@grpc/proto-loader';
import { Controller, Module, type Type } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Observable, interval, map } from 'rxjs';
import { currentContext } from '../context.js';
import { InvalidArgument, NotFound, Unavailable } from '../errors.js';
import { type RunningService, type ServiceOptions, startService } from '../grpc/bootstrap.js';
import { type AnyCall, type StreamingCall, callSignal, requestsOf } from '../grpc/call.js';
import { Peer } from '../grpc/peer.js';
import { progressStream, streamOf } from '../grpc/streams.js';
import { createLogger } from '../logger.js';

interface Say {
  text: string;
}
interface Count {
  value: number;
  padding: Buffer;
}
interface CountRequest {
  mode: string;
  to: number;
  bytes: number;
}

export const echoDefinition = loadSync(fileURLToPath(new URL('../../testdata/echo.proto', import.meta.url)), { defaults: true });
export const SERVICE = 'echo.v1.EchoService';

export const echo = echoDefinition[SERVICE] as unknown as {
  Say: MethodDefinition<Say, Say>;
  Count: MethodDefinition<Partial<CountRequest>, Count>;
  Collect: MethodDefinition<Say, Say>;
  Chat: MethodDefinition<Say, Say>;
};

/** What handlers tell the tests. */
export const events = new EventEmitter();
let failuresLeft = 0;

/** The next calls of Say("flaky") fail with UNAVAILABLE. */
export function failNext(times: number): void {
  failuresLeft = times;
}

const ticks = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

@Controller()
export class EchoController {
  @GrpcMethod('EchoService', 'Say')
  async say({ text }: Say, metadata: Metadata, call: AnyCall): Promise<Say> {
    switch (text) {
      case 'invalid':
        throw new InvalidArgument('attack.steps', -1, 'must be between 1 and 1000');
      case 'missing':
        throw new NotFound('network', 'sha256:abc', 'import it first');
      case 'defect':
        throw new TypeError('password=hunter2 is not a function');
      case 'wait':
        events.emit('waiting');
        await new Promise<void>((resolve) => callSignal(call).addEventListener('abort', () => resolve()));
        events.emit('stopped', callSignal(call).reason);
        return { text: 'nobody reads this' };
      case 'slow':
        events.emit('slow');
        await ticks(300);
        return { text: 'done' };
      case 'flaky':
        failuresLeft -= 1;
        if (failuresLeft >= 0) throw new Unavailable('the disk', 'busy');
        return { text: 'done' };
      case 'context':
        return { text: JSON.stringify({ ...currentContext(), token: metadata.get('authorization')[0] }) };
      default:
        return { text };
    }
  }

  @GrpcMethod('EchoService', 'Count')
  count({ mode, to, bytes }: CountRequest, _metadata: Metadata, call: StreamingCall<Count>): Observable<Count> {
    const padding = Buffer.alloc(bytes);
    if (mode === 'unheeding') return interval(0).pipe(map((value) => ({ value, padding: Buffer.alloc(bytes) })));
    if (mode === 'all') {
      return streamOf(call, async function* () {
        for (let value = 1; value <= to; value += 1) {
          events.emit('yielded', value);
          yield { value, padding: Buffer.alloc(bytes) };
        }
      });
    }
    return progressStream(call, async (progress, signal) => {
      signal.addEventListener('abort', () => events.emit('stopped', signal.reason));
      for (let value = 1; value <= to && !signal.aborted; value += 1) {
        progress({ value, padding: Buffer.alloc(bytes) });
        if (mode === 'paced' || value % 100 === 0) await ticks(1);
      }
      if (mode === 'failing') throw new NotFound('dataset', 'cifar10');
      if (mode === 'endless') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { value: -1, padding };
    });
  }

  @GrpcStreamCall('EchoService', 'Collect')
  async collect(call: Parameters<typeof requestsOf<Say>>[0]): Promise<Say> {
    const texts: string[] = [];
    for await (const { text } of requestsOf<Say>(call)) {
      if (text === 'slow') await ticks(20);
      texts.push(text);
      events.emit('collected', texts.length);
    }
    return { text: texts.join(' ') };
  }

  @GrpcStreamCall('EchoService', 'Chat')
  chat(call: StreamingCall<Say>): Observable<Say> {
    return streamOf(call, async function* () {
      for await (const { text } of requestsOf<Say>(call as Parameters<typeof requestsOf<Say>>[0])) yield { text: text.toUpperCase() };
    });
  }
}

export function moduleOf(...controllers: Type[]): Type {
  @Module({ controllers })
  class EchoModule {}
  return EchoModule;
}

export const silent = createLogger({ name: 'echo', level: 'silent', pretty: false });

export function echoOptions(changes: Partial<ServiceOptions> = {}): ServiceOptions {
  return {
    name: 'echo',
    module: moduleOf(EchoController),
    packageDefinition: echoDefinition,
    services: [SERVICE],
    grpc: { host: '127.0.0.1', port: 0, drainMs: 8000 },
    logger: silent,
    ...changes,
  };
}

/** A running service with a client; both are closed by `[Symbol.asyncDispose]`. */
export async function startEcho(changes: Partial<ServiceOptions> = {}): Promise<{ service: RunningService; peer: Peer } & AsyncDisposable> {
  const service = await startService(echoOptions(changes));
  const peer = new Peer(`127.0.0.1:${service.grpcPort}`, { token: 'secret' });
  return {
    service,
    peer,
    [Symbol.asyncDispose]: async () => {
      peer.close();
      await service.close();
    },
  };
}
