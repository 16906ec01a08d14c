import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

/** What is bound to every log line and sent along with every call made while it is in force. */
export interface WorkContext {
  /** W3C trace id, 32 hex digits. */
  readonly traceId: string;
  /** The span that calls made here belong under, 16 hex digits. */
  readonly spanId?: string;
  /** The larger piece of work the call belongs to, if any. */
  readonly runId?: string;
}

/** The metadata key that carries the run id from service to service. */
export const RUN_ID_KEY = 'x-run-id';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
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

/** A new span id. */
export function newSpanId(): string {
  return randomBytes(8).toString('hex');
}

/** Where a span hangs: the trace, the span above it, and whether the trace is being recorded. */
export interface Parent {
  readonly traceId: string;
  readonly spanId?: string;
  readonly isSampled: boolean;
}

/** What a `traceparent` header says; undefined when there is none or it is malformed. */
export function parentOf(traceparent: string | undefined): Parent | undefined {
  const [, traceId, spanId, flags] = (traceparent === undefined ? null : TRACEPARENT.exec(traceparent)) ?? [];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags ?? '0', 16) & 1) === 1 };
}

/** A `traceparent` header for a call made within the trace. */
export function traceparent(traceId: string, spanId = newSpanId()): string {
  return `00-${traceId}-${spanId}-01`;
}
