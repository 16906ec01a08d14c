import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  type ClientWritableStream,
  Metadata,
  credentials as Credentials,
} from '@grpc/grpc-js';
import { type MethodDefinition } from '@grpc/proto-loader';
import { setTimeout as sleep } from 'node:timers/promises';
import { RUN_ID_KEY, currentContext, newTraceId, traceparent } from '../context.js';
import { Cancelled, ResourceExhausted, type ServiceError, Unavailable } from '../errors.js';
import { fromGrpcFailure } from './status.js';

const CHANNEL_OPTIONS = {
  // Headless services: every replica gets its share; pick_first would use one of them.
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 4 << 20,
  // One message of that size in one go; HTTP/2's own 64 KiB would ask for leave every 64 KiB, a round trip each.
  'grpc-node.flow_control_window': 4 << 20,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5_000,
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
};

const MAX_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

export interface PeerOptions {
  /** Plain text by default. */
  readonly credentials?: ChannelCredentials;
  /** Sent with every call, e.g. as `authorization: Bearer …`. */
  readonly token?: string;
  /** Name that the server's certificate must hold for, where the target is an address that was looked up before. */
  readonly serverName?: string;
}

export interface StreamCallOptions {
  /** Ends the call; the other side is told. */
  readonly signal?: AbortSignal;
  /** Time the whole call may take, in milliseconds; unlimited by default. */
  readonly timeoutMs?: number;
}

export interface UnaryCallOptions extends StreamCallOptions {
  /** Default 30 000. */
  readonly timeoutMs?: number;
  /** Whether the call may be made twice: then UNAVAILABLE is tried again, up to five times within the timeout. */
  readonly idempotent?: boolean;
}

/**
 * One target, one client for the life of the process. Calls take a method definition of the generated contracts, so that requests
 * and answers are typed, and fail with the ServiceError the server threw.
 */
export class Peer {
  readonly #client: Client;
  readonly #token: string | undefined;

  /** @param target HOST:PORT, or a full grpc target; host names are resolved by DNS to all their addresses */
  constructor(
    readonly target: string,
    { credentials = Credentials.createInsecure(), token, serverName }: PeerOptions = {},
  ) {
    const names = serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
    this.#client = new Client(/^[a-z]+:\/\//.test(target) ? target : `dns:///${target}`, credentials, { ...CHANNEL_OPTIONS, ...names });
    this.#token = token;
  }

  /** Resolves when a connection stands. @throws Unavailable when none does within the time */
  async ready(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#client.waitForReady(Date.now() + timeoutMs, (error) =>
        error === undefined ? resolve() : reject(new Unavailable(this.target, `no connection within ${timeoutMs} ms`, { cause: error })),
      );
    });
  }

  /** One request, one answer. */
  async unary<Q, QO, A, AO>(method: MethodDefinition<Q, A, QO, AO>, request: Q, options: UnaryCallOptions = {}): Promise<AO> {
    const deadline = Date.now() + (options.timeoutMs ?? 30_000);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(method, request, deadline, options.signal);
      } catch (error) {
        const pause = pauseBefore(attempt, error as ServiceError);
        const again = options.idempotent === true && pause !== undefined && Date.now() + pause < deadline;
        if (!again) throw error;
        await sleep(pause, undefined, { signal: options.signal }).catch(() => {
          throw new Cancelled(method.path);
        });
      }
    }
  }

  #once<Q, QO, A, AO>(method: MethodDefinition<Q, A, QO, AO>, request: Q, deadline: number, signal: AbortSignal | undefined): Promise<AO> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new Cancelled(method.path));
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.#metadata(),
        { deadline },
        (error, value) => {
          signal?.removeEventListener('abort', cancel);
          if (error === null) resolve(value as AO);
          else reject(fromGrpcFailure(error, this.target));
        },
      );
      const cancel = (): void => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  /** One request, a stream of answers, read as fast as they are taken. Leaving the loop cancels the call. */
  serverStream<Q, QO, A, AO>(
    method: MethodDefinition<Q, A, QO, AO>,
    request: Q,
    options: StreamCallOptions = {},
  ): AsyncGenerator<AO, void, void> {
    const open = (): ClientReadableStream<AO> =>
      this.#client.makeServerStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.#metadata(),
        callOptions(options),
      );
    return this.#read(open, method.path, options.signal);
  }

  /** A stream of requests, sent as fast as the other side takes them, and one answer. */
  async clientStream<Q, QO, A, AO>(
    method: MethodDefinition<Q, A, QO, AO>,
    requests: AsyncIterable<Q> | Iterable<Q>,
    options: StreamCallOptions = {},
  ): Promise<AO> {
    const { signal } = options;
    if (signal?.aborted) throw new Cancelled(method.path);
    let call: ClientWritableStream<Q> | undefined;
    const cancel = (): void => call?.cancel();
    try {
      return await new Promise<AO>((resolve, reject) => {
        const opened = this.#client.makeClientStreamRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          this.#metadata(),
          callOptions(options),
          (error, value) => {
            if (error === null) resolve(value as AO);
            else reject(fromGrpcFailure(error, this.target));
          },
        );
        call = opened;
        signal?.addEventListener('abort', cancel, { once: true });
        send(opened, requests).catch((error: unknown) => {
          reject(error);
          opened.cancel();
        });
      });
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Requests and answers both as streams, each at the pace of its reader. */
  duplex<Q, QO, A, AO>(
    method: MethodDefinition<Q, A, QO, AO>,
    requests: AsyncIterable<Q> | Iterable<Q>,
    options: StreamCallOptions = {},
  ): AsyncGenerator<AO, void, void> {
    const open = (): ClientReadableStream<AO> => {
      const call = this.#client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        this.#metadata(),
        callOptions(options),
      );
      send(call, requests).catch((error: unknown) => call.destroy(error as Error));
      return call;
    };
    return this.#read(open, method.path, options.signal);
  }

  async *#read<A>(open: () => ClientReadableStream<A>, path: string, signal: AbortSignal | undefined): AsyncGenerator<A, void, void> {
    if (signal?.aborted) throw new Cancelled(path);
    const call = open();
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of call.iterator({ destroyOnReturn: false })) yield message as A;
    } catch (error) {
      throw signal?.aborted ? new Cancelled(path, { cause: error }) : fromGrpcFailure(error, this.target);
    } finally {
      signal?.removeEventListener('abort', cancel);
      // A loop left early has to tell the server; on a call that is over this does nothing.
      call.on('error', () => undefined);
      call.cancel();
    }
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    const context = currentContext();
    metadata.set('traceparent', traceparent(context?.traceId ?? newTraceId(), context?.spanId));
    if (context?.runId !== undefined) metadata.set(RUN_ID_KEY, context.runId);
    if (this.#token !== undefined) metadata.set('authorization', `Bearer ${this.#token}`);
    return metadata;
  }

  close(): void {
    this.#client.close();
  }
}

/** Peers by target: clients that are made anew for each call leak. */
export class Peers {
  readonly #peers = new Map<string, Peer>();

  constructor(private readonly options: PeerOptions = {}) {}

  get(target: string): Peer {
    let peer = this.#peers.get(target);
    if (peer === undefined) this.#peers.set(target, (peer = new Peer(target, this.options)));
    return peer;
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }
}

function callOptions({ timeoutMs }: StreamCallOptions): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

/** How long to wait before the next attempt, in milliseconds; undefined when there should be none. */
function pauseBefore(attempt: number, error: ServiceError): number | undefined {
  if (attempt >= MAX_ATTEMPTS) return undefined;
  if (error instanceof ResourceExhausted) return error.retryAfterMs;
  if (!(error instanceof Unavailable)) return undefined;
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (0.5 + Math.random());
}

/** Writes all messages at the pace the call takes them, then closes the sending side. Ends early when the call is over. */
async function send<Q>(call: ClientWritableStream<Q>, requests: AsyncIterable<Q> | Iterable<Q>): Promise<void> {
  let over = false;
  let wake: (() => void) | undefined;
  call.once('status', () => {
    over = true;
    wake?.();
  });
  call.on('drain', () => wake?.());
  for await (const request of requests) {
    if (over) return;
    if (!call.write(request)) await new Promise<void>((resolve) => (over ? resolve() : (wake = resolve)));
  }
  if (!over) call.end();
}
