import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

/** What is bound to every log line and sent along with every call made while it is in force. */
export interface WorkContext {
  /** W3C trace id, 32 hex digits. */
  readonly traceId: string;
  /** The larger piece of work the call belongs to, if any. */
  readonly runId?: string;
}

/** The metadata key that carries the run id from service to service. */
export const RUN_ID_KEY = 'x-run-id';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
const storage = new AsyncLocalStorage<WorkContext>();

/** The context in force, if any. */
export function currentContext(): WorkContext | undefined {
  return storage.getStore();
}

/** Runs `work` with the context in force for everything it awaits. */
export function withContext<T>(context: WorkContext, work: () => T): T {
  return storage.run(context, work);
}

/** A new trace id. */
export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

/** The trace id of a `traceparent` header; undefined when there is none or it is malformed. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  const id = traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1];
  return id === undefined || /^0+$/.test(id) ? undefined : id;
}

/** A `traceparent` header for a call made within the trace; the parent span id is new for each call. */
export function traceparent(traceId: string): string {
  return `00-${traceId}-${randomBytes(8).toString('hex')}-01`;
}
