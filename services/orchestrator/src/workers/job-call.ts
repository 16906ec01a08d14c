import type { MethodDefinition } from '@grpc/proto-loader';
import type { Progress } from '@rift/contracts';
import { Cancelled, DeadlineExceeded, Internal, type Peer } from '@rift/service-kit';

/** A message of a progress stream: where the job is, or its result. */
export interface JobEvent<R> {
  readonly event?: 'progress' | 'result';
  readonly progress?: Progress | null;
  readonly result?: R | null;
}

/** How a job's call is watched. */
export interface JobCallOptions {
  readonly signal: AbortSignal;
  /** The call is given up when nothing was heard for this long, in milliseconds. */
  readonly silenceMs: number;
  readonly onProgress: (progress: Progress) => void;
}

/**
 * Makes the call behind a job and reads it to its result. The call is the lease of the work: ending it stops the work.
 *
 * @throws Cancelled when the signal fires; DeadlineExceeded when the worker falls silent; the worker's own error.
 */
export async function callJob<Q, QO, A, R>(
  peer: Peer,
  method: MethodDefinition<Q, A, QO, JobEvent<R>>,
  request: Q,
  { signal, silenceMs, onProgress }: JobCallOptions,
): Promise<R> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silenceMs);
  let result: R | null | undefined;
  try {
    for await (const message of peer.serverStream(method, request, { signal: AbortSignal.any([signal, silence.signal]) })) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silenceMs);
      if (message.event === 'result') result = message.result;
      else if (message.progress) onProgress(message.progress);
    }
  } catch (error) {
    if (signal.aborted) throw new Cancelled(method.path, { cause: error });
    if (silence.signal.aborted) {
      throw new DeadlineExceeded(`${method.path} on ${peer.target} (nothing was heard for ${Math.round(silenceMs / 1000)} s)`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
  if (!result) throw new Internal(`${method.path} on ${peer.target} ended without a result.`);
  return result;
}
