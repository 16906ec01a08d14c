import {
  type Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type sendUnaryData,
  status as Code,
} from '@grpc/grpc-js';
import { type PackageDefinition } from '@grpc/proto-loader';
import { type MessageHandler, ServerGrpc } from '@nestjs/microservices';
import { setTimeout as sleep } from 'node:timers/promises';
import { isObservable, lastValueFrom } from 'rxjs';
import { RUN_ID_KEY, parentOf, withContext } from '../context.js';
import { DeadlineExceeded, FailedPrecondition, ResourceExhausted, type ServiceError, Unavailable } from '../errors.js';
import { type Logger } from '../logger.js';
import { type Metrics } from '../metrics.js';
import { type Readiness } from '../readiness.js';
import { startSpan } from '../tracing.js';
import { type AnyCall, type StreamingCall, abortCall, callSignal, identifiersIn } from './call.js';
import { Undecodable, lenientlyDecoded } from './decoding.js';
import { type ErrorFilter } from './error-filter.js';
import { Health } from './health.js';
import { OpenStreams } from './open-streams.js';
import { addReflection } from './reflection.js';
import { type GrpcFailure, toGrpcFailure } from './status.js';

const MEGABYTE = 1 << 20;
/** Messages an unheeding handler may queue for a reader that does not read. */
const MAX_QUEUED_MESSAGES = 256;
/** Time for the last statuses to leave before connections are cut. */
const LAST_WORDS_MS = 200;

/** Channelz stays on: without it grpc-js 1.14 keeps no list of sessions, and forceShutdown() leaves them open. */
const KEEPALIVE = {
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.keepalive_permit_without_calls': 1,
};

/** Who was let in, and whether the call changes anything: then it is written to the audit log. */
export interface Admission {
  readonly caller: string;
  readonly role: string;
  readonly audited: boolean;
}

/** Decides on a call by its metadata, its path and the address it comes from; throws to refuse it. */
export type Authorize = (metadata: Metadata, path: string, peer: string) => Admission | void | Promise<Admission | void>;

export interface GrpcStrategyOptions {
  /** Name of the service, the domain of its errors. */
  readonly name: string;
  /** HOST:PORT; port 0 lets the system choose. */
  readonly url: string;
  /** The contracts, loaded once. */
  readonly packageDefinition: PackageDefinition;
  /** Full names of the services this server offers, e.g. "greeting.v1.Greeter"; all their RPCs must have a handler. */
  readonly services: readonly string[];
  readonly credentials?: ServerCredentials;
  /** Lets a call of the services pass, or throws; health and reflection are open to all. */
  readonly authorize?: Authorize;
  /** Streams that one caller may have open at once; 0, the default, for no limit. */
  readonly streamsPerCaller?: number;
  /** Whether callers may ask for the contracts (grpc.reflection); default true. */
  readonly reflection?: boolean;
  /** Longest time a unary call may take, in milliseconds, whatever deadline its caller set; default 120 000. */
  readonly unaryTimeoutMs?: number;
  /** How long calls in progress may go on after the shutdown began, in milliseconds; default 10 000. */
  readonly drainMs?: number;
  /** Connections are asked to reconnect after this time, so that new replicas get their share; default 5 minutes. */
  readonly maxConnectionAgeMs?: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly errors: ErrorFilter;
}

type Method = MethodDefinition<unknown, unknown> & { originalName?: string };
type Handler = (input: unknown, metadata: unknown, call: AnyCall) => unknown;
type UnaryAnswer = sendUnaryData<unknown>;

/**
 * gRPC under NestJS with the behaviour a service needs: start-up fails unless every RPC has exactly one handler; errors carry codes
 * and details; cancellation and deadlines reach the handler through callSignal(); answers are bounded for slow readers; shutdown
 * drains. Handlers are methods with @GrpcMethod (request in one message) or @GrpcStreamCall (request is a stream, see requestsOf()),
 * and get (request or call, metadata, call).
 */
export class GrpcStrategy extends ServerGrpc {
  readonly #health: Health;
  readonly #duplicates: string[] = [];
  readonly #used = new Set<string>();
  readonly #streams = new Set<AnyCall>();
  readonly #unary = new Set<AnyCall>();
  readonly #streamsOf: OpenStreams;
  #server: Server | undefined;
  #port = 0;

  constructor(private readonly settings: GrpcStrategyOptions) {
    super({ package: [], packageDefinition: settings.packageDefinition, url: settings.url });
    this.#streamsOf = new OpenStreams(settings.streamsPerCaller ?? 0);
    this.#health = new Health(settings.services, settings.readiness);
  }

  /** The port the server listens on. */
  get port(): number {
    return this.#port;
  }

  /** Wires all RPCs first and opens the port last: nobody meets a half-made server. */
  override async listen(callback: (error?: unknown) => void): Promise<void> {
    const { url, credentials, maxConnectionAgeMs = 300_000 } = this.settings;
    const server = new Server({
      ...KEEPALIVE,
      'grpc.max_receive_message_length': 4 * MEGABYTE,
      'grpc.max_connection_age_ms': maxConnectionAgeMs,
    });
    try {
      this.#addServices(server);
      this.#port = await bound(server, url, credentials ?? ServerCredentials.createInsecure());
      this.#server = server;
      callback();
    } catch (error) {
      server.forceShutdown();
      callback(error);
    }
  }

  override addHandler(pattern: unknown, callback: MessageHandler, isEventHandler = false): void {
    const route = typeof pattern === 'string' ? pattern : JSON.stringify(pattern);
    if (this.messageHandlers.has(route)) this.#duplicates.push(route);
    super.addHandler(pattern, callback, isEventHandler);
  }

  #addServices(server: Server): void {
    const problems = this.#duplicates.map((route) => `two handlers for ${route}`);
    for (const name of this.settings.services) {
      const definition = this.settings.packageDefinition[name] as ServiceDefinition | undefined;
      if (definition === undefined || 'format' in definition) problems.push(`the contracts hold no service ${name}`);
      else server.addService(lenientlyDecoded(definition), this.#implementationOf(name, definition, problems));
    }
    for (const route of this.messageHandlers.keys())
      if (!this.#used.has(route)) problems.push(`no RPC of the services is handled by ${route}`);
    if (problems.length > 0) throw new FailedPrecondition(`${this.settings.name} cannot start`, problems.join('; '));
    this.#health.addTo(server);
    if (this.settings.reflection ?? true) addReflection(server, this.settings.packageDefinition);
  }

  #implementationOf(service: string, definition: ServiceDefinition, problems: string[]): Record<string, never> {
    const implementation: Record<string, unknown> = {};
    const shortName = service.slice(service.lastIndexOf('.') + 1);
    for (const [name, method] of Object.entries(definition)) {
      const streaming = method.requestStream ? 'pt_stream' : 'no_stream';
      const routes = [service, shortName].map((owner) => JSON.stringify({ service: owner, rpc: name, streaming }));
      const found = routes.filter((route) => this.messageHandlers.has(route));
      if (found.length !== 1) {
        const decorator = method.requestStream ? 'GrpcStreamCall' : 'GrpcMethod';
        problems.push(`${service}.${name} has ${found.length === 0 ? 'no handler' : 'two handlers'} (@${decorator})`);
      }
      for (const route of found) {
        this.#used.add(route);
        const handler = this.messageHandlers.get(route);
        if (handler !== undefined) implementation[name] = this.#methodOf(handler, method);
      }
    }
    return implementation as Record<string, never>;
  }

  #methodOf(handler: Handler, method: Method): (call: AnyCall, answer: UnaryAnswer) => void {
    return (call, answer) => {
      const observed = this.#observed(method, call);
      const input = method.requestStream ? call : (call as { request: unknown }).request;
      const span = startSpan(method.path.slice(1), 'server', parentOf(text(call, 'traceparent')));
      const runId = text(call, RUN_ID_KEY);
      const context = { traceId: span.traceId, spanId: span.spanId, ...(runId === undefined ? {} : { runId }) };
      let leave = (): void => undefined;
      const invoke = async (): Promise<unknown> => {
        observed.admission = (await this.settings.authorize?.(call.metadata, method.path, call.getPeer())) ?? undefined;
        if (method.requestStream || method.responseStream) leave = this.#streamsOf.enter(observed.admission?.caller ?? 'unknown');
        if (input instanceof Undecodable) throw input.error;
        return handler(input, call.metadata, call);
      };
      withContext(context, () => {
        const work = method.responseStream
          ? this.#answerWithStream(call as StreamingCall, invoke())
          : this.#answerOnce(call, method.path, invoke(), answer);
        void work.then((error) => {
          leave();
          span.end(error, {
            'rpc.system': 'grpc',
            'rpc.method': method.path.slice(1),
            ...(runId === undefined ? {} : { 'rift.run_id': runId }),
          });
          observed.finish(error);
        });
      });
    };
  }

  /** Answers with the one value; never rejects. Returns the error the call ended with. */
  async #answerOnce(call: AnyCall, path: string, result: Promise<unknown>, answer: UnaryAnswer): Promise<ServiceError | undefined> {
    const { unaryTimeoutMs = 120_000 } = this.settings;
    const timer = setTimeout(() => abortCall(call, new DeadlineExceeded(path)), unaryTimeoutMs);
    const signal = callSignal(call);
    this.#unary.add(call);
    try {
      const value = await Promise.race([settled(result), aborted(signal)]);
      answer(null, value);
      return undefined;
    } catch (error) {
      const failure = this.settings.errors.publicError(error);
      answer(this.#failure(failure));
      return failure;
    } finally {
      clearTimeout(timer);
      this.#unary.delete(call);
    }
  }

  /** Writes the stream; never rejects. Returns the error the call ended with. */
  async #answerWithStream(call: StreamingCall, result: Promise<unknown>): Promise<ServiceError | undefined> {
    this.#streams.add(call);
    try {
      await this.#write(call, await Promise.race([result, aborted(callSignal(call))]));
      call.end();
      return undefined;
    } catch (error) {
      const failure = this.settings.errors.publicError(error);
      if (!call.cancelled && !call.destroyed) call.emit('error', this.#failure(failure));
      return failure;
    } finally {
      this.#streams.delete(call);
    }
  }

  #write(call: StreamingCall, result: unknown): Promise<void> {
    if (!isObservable(result)) return Promise.reject(new TypeError(`the handler of ${call.getPath()} must return an Observable`));
    const signal = callSignal(call);
    return new Promise((resolve, reject) => {
      const stop = (settle: () => void): void => {
        subscription.unsubscribe();
        signal.removeEventListener('abort', abort);
        settle();
      };
      const abort = (): void => stop(() => reject(signal.reason as Error));
      signal.addEventListener('abort', abort);
      const subscription = result.subscribe({
        next: (value) => {
          if (call.cancelled || call.destroyed) return;
          call.write(value);
          if (call.writableLength > MAX_QUEUED_MESSAGES) {
            abortCall(call, new ResourceExhausted('the stream', `${MAX_QUEUED_MESSAGES} messages wait for a reader that does not read`));
          }
        },
        error: (error: unknown) => queueMicrotask(() => stop(() => reject(error))),
        complete: () => queueMicrotask(() => stop(resolve)),
      });
      if (signal.aborted) abort();
    });
  }

  #failure(error: ServiceError): GrpcFailure {
    return toGrpcFailure(error, this.settings.name);
  }

  /** Measures a call and writes it down; `admission` is filled in once the caller is known. */
  #observed(
    { path, requestStream }: Method,
    call: AnyCall,
  ): { admission: Admission | undefined; finish: (error: ServiceError | undefined) => void } {
    const { metrics, logger } = this.settings;
    const method = path.slice(1);
    const observed: { admission: Admission | undefined; finish: (error: ServiceError | undefined) => void } = {
      admission: undefined,
      finish: () => undefined,
    };
    const since = performance.now();
    metrics.open.inc({ method });
    observed.finish = (error) => {
      const seconds = (performance.now() - since) / 1000;
      const code = Code[error?.kind.grpcCode ?? Code.OK] ?? 'UNKNOWN';
      metrics.open.dec({ method });
      metrics.handled.inc({ method, code });
      metrics.seconds.observe({ method }, seconds);
      const { caller, role, audited = false } = observed.admission ?? {};
      const line = { method, code, ms: Math.round(seconds * 1000), peer: call.getPeer(), caller };
      if (audited) {
        const about = requestStream ? {} : identifiersIn((call as { request: unknown }).request);
        logger.info({ ...line, role, ...about, audit: true, ...(error === undefined ? {} : { reason: error.message }) }, 'audit');
      } else if (error === undefined) logger.debug(line, 'call ended');
      else logger.info({ ...line, reason: error.message }, 'call failed');
    };
    return observed;
  }

  /**
   * Drains: not ready at once, open streams end with UNAVAILABLE, unary calls may finish within the drain time, then the rest is cut.
   */
  override async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const { readiness, drainMs = 10_000, name } = this.settings;
    readiness.drain();
    const reason = new Unavailable(name, 'it is shutting down; the call can be made again');
    for (const call of this.#streams) abortCall(call, reason);
    this.#health.release();
    const finished = new Promise<'finished'>((resolve) => server.tryShutdown(() => resolve('finished')));
    if ((await Promise.race([finished, after(drainMs)])) !== 'finished') {
      for (const call of this.#unary) abortCall(call, reason);
      await Promise.race([finished, after(LAST_WORDS_MS)]);
    }
    server.forceShutdown();
  }
}

function bound(server: Server, url: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(url, credentials, (error, port) => {
      if (error === null) return resolve(port);
      const inUse = error.message.includes('EADDRINUSE');
      const rule = inUse ? 'this port is in use by another process; choose another one or stop that process' : error.message;
      reject(new FailedPrecondition(url, rule, { cause: error }));
    });
  });
}

function text(call: AnyCall, key: string): string | undefined {
  const value = call.metadata.get(key)[0];
  return typeof value === 'string' ? value : undefined;
}

/** A handler's value: of the value itself, a promise or an Observable of one. */
async function settled(result: Promise<unknown>): Promise<unknown> {
  const value = await result;
  return isObservable(value) ? lastValueFrom(value) : value;
}

function after(milliseconds: number): Promise<void> {
  return sleep(milliseconds, undefined, { ref: false });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
