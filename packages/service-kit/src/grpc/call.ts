import { type EventEmitter } from 'node:events';
import { type ServerDuplexStream, type ServerReadableStream, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { Cancelled, DeadlineExceeded } from '../errors.js';
import { Undecodable } from './decoding.js';

/** A call as its handler sees it, of whichever of the four kinds. */
export type AnyCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerReadableStream<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>;

/** A call whose answer is a stream. */
export type StreamingCall<T = unknown> = ServerWritableStream<unknown, T> | ServerDuplexStream<unknown, T>;

const controllers = new WeakMap<object, AbortController>();

function controllerOf(call: AnyCall): AbortController {
  const known = controllers.get(call);
  if (known !== undefined) return known;
  const controller = new AbortController();
  controllers.set(call, controller);
  // The event also comes after a call has ended well: the signal means "nobody waits any more", never "it failed".
  const gone = (): void => controller.abort(isPastDeadline(call) ? new DeadlineExceeded(call.getPath()) : new Cancelled(call.getPath()));
  if (call.cancelled) gone();
  else (call as EventEmitter).once('cancelled', gone);
  return controller;
}

/** The client counts from when it sent the call, which is a moment before the server does: its deadline passes first. */
const CLOCK_SLACK_MS = 50;

function isPastDeadline(call: AnyCall): boolean {
  return Number(call.getDeadline()) <= Date.now() + CLOCK_SLACK_MS;
}

/**
 * The signal that the work behind a call has to stop: the caller cancelled it, its deadline passed, the connection broke, or the
 * server is shutting down. The reason is the ServiceError that the call ends with.
 */
export function callSignal(call: AnyCall): AbortSignal {
  return controllerOf(call).signal;
}

/** Ends the work behind a call for a reason of the server's. */
export function abortCall(call: AnyCall, reason: Error): void {
  controllerOf(call).abort(reason);
}

/**
 * The messages the caller sends, read only as fast as they are taken, and without closing the answering side at their end.
 * @throws the reason of the call's signal when the caller goes away in between, InvalidArgument for bytes that are no message
 */
export async function* requestsOf<T>(
  call: ServerReadableStream<T, unknown> | ServerDuplexStream<T, unknown>,
): AsyncGenerator<T, void, void> {
  const signal = callSignal(call);
  try {
    for await (const message of call.iterator({ destroyOnReturn: false })) {
      if (message instanceof Undecodable) throw message.error;
      yield message as T;
      signal.throwIfAborted();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  signal.throwIfAborted();
}

/** Resolves when the call takes messages again. A call that has ended never drains, so this also resolves then. */
export function drained(call: StreamingCall, signal: AbortSignal): Promise<void> {
  if (!call.writableNeedDrain || signal.aborted || call.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** What a request says it is about, for the audit log: no content, no secrets. */
export function identifiersIn(request: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  for (const key of ['id', 'name', 'digest', 'requestId']) {
    const value = (request as Record<string, unknown> | null)?.[key];
    if (typeof value === 'string' && value !== '') found[`request.${key}`] = value.slice(0, 200);
  }
  return found;
}
