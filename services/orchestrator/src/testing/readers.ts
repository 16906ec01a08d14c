import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchRunResponse } from '@rift/contracts';
import { Unavailable } from '@rift/service-kit';
import type { Harness } from './harness.js';

/** How a reader behaves. */
export interface ReaderHabits {
  /** Breaks off after so many events and comes back after the last one it saw; 0 reads to the end. */
  readonly breaksAfter: number;
  /** Milliseconds that it takes over each event. */
  readonly pauseMs: number;
}

/** Reads the events of a run to its end, as its habits have it. */
export async function follow(harness: Harness, id: string, { breaksAfter, pauseMs }: ReaderHabits): Promise<WatchRunResponse[]> {
  const seen: WatchRunResponse[] = [];
  for (;;) {
    let count = 0;
    let isOver = true;
    try {
      for await (const event of harness.watch(id, seen.at(-1)?.sequence ?? 0)) {
        seen.push(event);
        count += 1;
        if (pauseMs > 0) await sleep(pauseMs);
        if (count === breaksAfter) {
          isOver = false;
          break;
        }
      }
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      isOver = false;
    }
    if (isOver) return seen;
  }
}

/** What a reader missed, saw twice or saw out of order; progress may be conflated, everything else has to come once. */
export function faultsOf(seen: readonly WatchRunResponse[], log: readonly WatchRunResponse[]): string[] {
  const faults: string[] = [];
  let last = 0;
  for (const { sequence } of seen) {
    if (sequence <= last) faults.push(`event ${sequence} came after ${last}`);
    last = sequence;
  }
  const numbers = new Set(seen.map(({ sequence }) => sequence));
  for (const event of log) if (!numbers.has(event.sequence)) faults.push(`event ${event.sequence} (${event.event ?? '?'}) was missed`);
  return faults;
}
