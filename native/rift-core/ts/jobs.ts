import type { Progress } from '@rift/contracts';
import { Cancelled } from '@rift/service-kit/client';

import { fromNative } from './errors.js';
import type { NativeAddon } from './native.js';
import { progressClock } from './progress.js';
import type { JobKind, JobRequests, JobResults } from './requests.js';
import { readResult } from './results.js';

/** How a caller follows and stops a job. */
export interface JobOptions {
  /** Called with each event, in order; must return at once. What it throws ends the job. */
  onProgress?: (progress: Progress) => void;
  /** Aborting it stops the job within one batch. */
  signal?: AbortSignal;
}

/**
 * Runs a job on the compute thread and waits until it has stopped, also when it is cancelled: afterwards the device is
 * free and no file is being written.
 * @throws Cancelled when the signal was aborted; otherwise the class of the engine's error
 */
export async function runJob<K extends JobKind>(
  addon: NativeAddon,
  kind: K,
  request: JobRequests[K],
  { onProgress, signal }: JobOptions = {},
): Promise<JobResults[K]> {
  const operation = `job ${kind}`;
  if (signal?.aborted === true) throw new Cancelled(operation);
  const clock = progressClock();
  // The addon's events and its result come by different ways: one may overtake the other.
  let ended = false;
  let listenerError: { error: unknown } | undefined;
  const listener = (json: string): void => {
    if (onProgress === undefined || listenerError !== undefined || ended) return;
    try {
      onProgress(clock(json));
    } catch (error) {
      listenerError = { error };
      job?.cancel();
    }
  };
  let job: ReturnType<NativeAddon['submit']> | undefined;
  const cancel = (): void => job?.cancel();
  let json: string;
  try {
    job = addon.submit(kind, JSON.stringify(request), listener);
    signal?.addEventListener('abort', cancel, { once: true });
    json = await job.wait();
  } catch (error) {
    throw fromNative(listenerError === undefined ? error : listenerError.error, operation);
  } finally {
    ended = true;
    signal?.removeEventListener('abort', cancel);
  }
  return readResult(kind, json);
}
