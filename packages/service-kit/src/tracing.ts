import { inspect } from 'node:util';
import { type Parent, currentContext, newSpanId, newTraceId, withContext } from './context.js';
import { type Logger } from './logger.js';

/** A piece of work in a trace. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Ends it, once. @param error what it ended with, if it failed */
  end(error?: unknown, attributes?: Readonly<Record<string, Attribute>>): void;
}

/** A value that OpenTelemetry takes. */
export type Attribute = string | number | boolean;

/** What the span did for whom, by the names of OpenTelemetry. */
export type SpanKind = 'internal' | 'server' | 'client';

interface Finished {
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly error: string | undefined;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** Where spans go. */
export interface TracingOptions {
  /** Name of the service in the traces. */
  readonly service: string;
  /** Address of a collector that takes OTLP over HTTP, e.g. http://collector:4318. */
  readonly endpoint: string;
  readonly logger: Logger;
  /** How often spans are sent, in milliseconds; default 2000. */
  readonly intervalMs?: number;
}

const KINDS = { internal: 1, server: 2, client: 3 } as const;
const MAX_WAITING = 4096;
const MAX_SENT = 512;
const SEND_TIMEOUT_MS = 10_000;

let exporter: Exporter | undefined;

/** Sends finished spans as OTLP/JSON, in the background. A collector that is away costs nothing but the spans. */
class Exporter {
  #waiting: Finished[] = [];
  #dropped = 0;
  #sending: Promise<void> | undefined;
  readonly #url: string;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly options: TracingOptions) {
    this.#url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
    this.#timer = setInterval(() => void this.flush(), options.intervalMs ?? 2000).unref();
  }

  add(span: Finished): void {
    if (this.#waiting.length >= MAX_WAITING) this.#dropped += 1;
    else this.#waiting.push(span);
  }

  async flush(): Promise<void> {
    await (this.#sending ??= this.#send().finally(() => (this.#sending = undefined)));
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const spans = this.#waiting.splice(0, MAX_SENT);
      try {
        const response = await fetch(this.#url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(otlp(this.options.service, spans)),
          signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
        });
        await response.arrayBuffer();
        if (!response.ok) throw new Error(`status ${response.status}`);
      } catch (error) {
        this.#dropped += spans.length;
        this.options.logger.debug({ err: error, dropped: this.#dropped, endpoint: this.#url }, 'traces could not be sent');
        return;
      }
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}

/** Begins to record and send spans of this process. @returns what sends the last ones and ends it */
export function startTracing(options: TracingOptions): () => Promise<void> {
  const mine = new Exporter(options);
  exporter = mine;
  return async () => {
    if (exporter === mine) exporter = undefined;
    await mine.close();
  };
}

/**
 * Begins a span. Without tracing it records nothing and still has ids, which the log lines carry.
 * @param parent where it hangs; by default under the context in force
 */
export function startSpan(name: string, kind: SpanKind, parent?: Parent): Span {
  const context = currentContext();
  const traceId = parent?.traceId ?? context?.traceId ?? newTraceId();
  const parentSpanId = parent === undefined ? context?.spanId : parent.spanId;
  const spanId = newSpanId();
  const startMs = Date.now();
  let isOver = false;
  return {
    traceId,
    spanId,
    end: (error, attributes = {}) => {
      if (isOver || exporter === undefined) return;
      isOver = true;
      const message = error === undefined ? undefined : error instanceof Error ? error.message : inspect(error);
      exporter.add({ name, kind, traceId, spanId, parentSpanId, startMs, endMs: Date.now(), error: message, attributes });
    },
  };
}

/** Does work within a span of its own, under the context in force. */
export async function inSpan<T>(
  name: string,
  attributes: Readonly<Record<string, Attribute>>,
  work: () => Promise<T>,
  kind: SpanKind = 'internal',
): Promise<T> {
  const span = startSpan(name, kind);
  const runId = currentContext()?.runId;
  return withContext({ traceId: span.traceId, spanId: span.spanId, ...(runId === undefined ? {} : { runId }) }, async () => {
    try {
      const value = await work();
      span.end(undefined, attributes);
      return value;
    } catch (error) {
      span.end(error, attributes);
      throw error;
    }
  });
}

function otlp(service: string, spans: readonly Finished[]): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf({ 'service.name': service, 'service.namespace': 'rift', 'process.pid': process.pid }) },
        scopeSpans: [{ scope: { name: 'rift' }, spans: spans.map(spanMessage) }],
      },
    ],
  };
}

function spanMessage({ name, kind, traceId, spanId, parentSpanId, startMs, endMs, error, attributes }: Finished): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: `${startMs}000000`,
    endTimeUnixNano: `${Math.max(startMs, endMs)}000000`,
    attributes: attributesOf(attributes),
    status: error === undefined ? { code: 1 } : { code: 2, message: error.slice(0, 1000) },
  };
}

function attributesOf(attributes: Readonly<Record<string, Attribute>>): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : Number.isInteger(value)
            ? { intValue: String(value) }
            : { doubleValue: value },
  }));
}
