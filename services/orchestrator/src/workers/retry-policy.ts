import { Cancelled, DeadlineExceeded, Internal, ResourceExhausted, Unavailable } from '@rift/service-kit';

/** What a failed try at a unit of work means for the next one. */
export type Verdict =
  /** The worker is occupied; the same try again after a while, it does not count. */
  | { readonly kind: 'busy'; readonly pauseMs: number }
  /** The worker could not be reached and has not begun; it does not count, but somebody must answer in the end. */
  | { readonly kind: 'unreachable' }
  /** The worker is shutting down and wrote its checkpoint: go on elsewhere. Does not count, so that no scale-down ends a run. */
  | { readonly kind: 'leaving' }
  /** The worker began and was lost, or fell silent: try again, elsewhere if possible. Counts. */
  | { readonly kind: 'lost' }
  /** The worker failed inside; once more may help where memory was short. Counts double. */
  | { readonly kind: 'broken' }
  /** Trying again cannot help. */
  | { readonly kind: 'final' };

/**
 * Workers estimate when they will be free from the job they run; a job that was just cancelled is gone long before. Asking costs next
 * to nothing, so a busy worker is asked again soon.
 */
const LONGEST_BUSY_PAUSE_MS = 2000;
const SHORTEST_BUSY_PAUSE_MS = 50;

/** How grpc-js begins its message when no connection ever stood. */
const NEVER_CONNECTED = /No connection established|Name resolution failed|no connection within/;

/** How a service of ours ends its calls when it is told to stop. */
const SHUTTING_DOWN = /it is shutting down/;

/** Judges the error that a call to a worker ended with. The caller has ruled out that it was cancelled from this side. */
export function judge(error: unknown): Verdict {
  // Without RetryInfo it is no full queue but a limit that the same call meets again: memory, disk, size of a message.
  if (error instanceof ResourceExhausted) {
    return error.retryAfterMs === undefined
      ? { kind: 'broken' }
      : { kind: 'busy', pauseMs: Math.min(LONGEST_BUSY_PAUSE_MS, Math.max(SHORTEST_BUSY_PAUSE_MS, error.retryAfterMs)) };
  }
  if (error instanceof Unavailable && SHUTTING_DOWN.test(error.detail)) return { kind: 'leaving' };
  if (error instanceof Unavailable) return NEVER_CONNECTED.test(error.detail) ? { kind: 'unreachable' } : { kind: 'lost' };
  if (error instanceof Cancelled || error instanceof DeadlineExceeded) return { kind: 'lost' };
  if (error instanceof Internal) return { kind: 'broken' };
  return { kind: 'final' };
}
