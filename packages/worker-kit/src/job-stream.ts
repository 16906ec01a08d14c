import type { Progress } from '@rift/contracts';
import type { JobKind } from '@rift/core';
import { progressStream, type StreamingCall } from '@rift/service-kit';
import type { Observable } from 'rxjs';

import type { Job, JobOutcome, JobRunner } from './job-runner.js';

/** A message of a progress stream: progress, and the result at the end. */
export type JobEvent<R> = { progress: Progress } | { result: R };

/**
 * Runs a job as the answer of a call: progress as fast as the reader takes it, then the result. The job stops when the
 * call ends for any reason.
 * @param toResult the result message of what came of the job
 */
export function jobStream<K extends JobKind, R>(
  call: StreamingCall,
  runner: JobRunner,
  job: Job<K>,
  toResult: (outcome: JobOutcome<K>) => R | Promise<R>,
): Observable<JobEvent<R>> {
  return progressStream<JobEvent<R>>(call, async (report, signal) => {
    const outcome = await runner.run(job, { signal, onProgress: (progress) => report({ progress }) });
    return { result: await toResult(outcome) };
  });
}
