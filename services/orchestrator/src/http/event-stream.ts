import { once } from 'node:events';
import type { Response } from 'express';

/** One server-sent event. */
export interface ServerEvent {
  /** Where a reader that comes back goes on. */
  readonly id: number;
  readonly event: string;
  readonly data: unknown;
}

/** Connections without a word are cut by proxies; a comment keeps them. */
const HEARTBEAT_MS = 15_000;

/**
 * Sends events until they end or the reader goes away, no faster than it reads. At the end of the events comes an event "end", after
 * which a browser need not come back.
 *
 * @param events makes the events; its signal fires when the reader has gone.
 */
export async function streamEvents(response: Response, events: (signal: AbortSignal) => AsyncIterable<ServerEvent>): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.status(200).set({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  response.flushHeaders();
  const heartbeat = setInterval(() => response.write(': here\n\n'), HEARTBEAT_MS);
  try {
    for await (const { id, event, data } of events(gone.signal)) {
      const room = response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      if (!room && !gone.signal.aborted) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    if (!gone.signal.aborted) response.end('event: end\ndata: {}\n\n');
  } catch (error) {
    // The status is sent; a stream that breaks off tells the reader to come back.
    if (!gone.signal.aborted) response.destroy(error instanceof Error ? error : undefined);
  } finally {
    clearInterval(heartbeat);
  }
}
