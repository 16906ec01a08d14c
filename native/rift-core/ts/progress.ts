import type { Progress } from '@rift/contracts';

/** Progress as the addon reports it. */
type NativeProgress = Omit<Progress, 'elapsedSeconds' | 'remainingSeconds'>;

/**
 * Turns the addon's events into the wire's, adding the times. The rate is taken from the first event on, so that a job
 * which goes on from a checkpoint does not count the work of an earlier attempt as its own; until a second event with
 * more work done, the time left is unknown (-1).
 * @param now milliseconds of a clock that never goes back
 */
export function progressClock(now: () => number = () => performance.now()): (json: string) => Progress {
  const began = now();
  let first: { done: number; at: number } | undefined;
  return (json) => {
    const event = JSON.parse(json) as NativeProgress;
    const at = now();
    first ??= { done: event.done, at };
    return { ...event, elapsedSeconds: (at - began) / 1000, remainingSeconds: secondsLeft(event, first, at) };
  };
}

function secondsLeft(event: NativeProgress, first: { done: number; at: number }, at: number): number {
  if (event.total > 0 && event.done >= event.total) return 0;
  const finished = event.done - first.done;
  if (finished <= 0) return -1;
  return ((at - first.at) / finished / 1000) * (event.total - event.done);
}
