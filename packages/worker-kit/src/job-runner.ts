import type { ArtifactStore } from '@rift/artifacts';
import type { ComputeSpec, JobContext, Progress } from '@rift/contracts';
import type { Core, JobKind, JobRequests, JobResults } from '@rift/core';
import { Cancelled, InvalidArgument, ResourceExhausted, inSpan, type Logger } from '@rift/service-kit';

import type { Lease } from './admission.js';
import { JobFiles } from './job-files.js';
import type { JobMetrics } from './metrics.js';
import type { ScratchRoot } from './scratch.js';

/** A job to run. */
export interface Job<K extends JobKind> {
  readonly kind: K;
  /** Job behind the call; null or without a work key for work that is not resumed. */
  readonly context: JobContext | null;
  /** Makes the engine's request once the device is free, finding the artifacts and naming the outputs. */
  readonly request: (files: JobFiles) => Promise<JobRequests[K]>;
  /** Takes what the job wrote before its scratch folder goes, where storing the outputs is not all. */
  readonly finish?: (files: JobFiles, result: JobResults[K]) => Promise<void>;
}

/** What came of a job. */
export interface JobOutcome<K extends JobKind> {
  readonly result: JobResults[K];
  /** Digests of the outputs, in the order they were asked for. */
  readonly digests: readonly string[];
}

/** How a job's caller follows and stops it. */
export interface JobCaller {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Limits that the operator set for every job of this process. */
export interface ComputeLimits {
  /** Device of jobs that leave it open. */
  readonly device: string;
  /** Threads at most, and of jobs that leave it open; 0 means all. */
  readonly threads: number;
}

/** Fills in what a request left to the service. */
export function withLimits(compute: ComputeSpec, limits: ComputeLimits): ComputeSpec {
  if (limits.threads > 0 && compute.threads > limits.threads) {
    throw new InvalidArgument('compute.threads', compute.threads, `must be at most ${limits.threads}, which is what this service may use`);
  }
  const isOpen = compute.device === '' || compute.device === 'auto';
  return { ...compute, device: isOpen ? limits.device : compute.device, threads: compute.threads === 0 ? limits.threads : compute.threads };
}

/** Who decides whether a job may begin; throws ResourceExhausted when it may not. */
export interface JobAdmission {
  job(what: string): Lease;
}

/** Everything a {@link JobRunner} works with. */
export interface JobRunnerParts {
  readonly core: Core;
  readonly artifacts: ArtifactStore;
  readonly admission: JobAdmission;
  readonly scratch: ScratchRoot;
  readonly limits: ComputeLimits;
  readonly metrics: JobMetrics;
  readonly logger: Logger;
}

/** Runs the jobs that its admission lets begin. The caller's signal is the lease of its job. */
export class JobRunner {
  readonly #running = new Set<Promise<unknown>>();

  constructor(private readonly parts: JobRunnerParts) {}

  /** See {@link withLimits}. */
  compute(compute: ComputeSpec): ComputeSpec {
    return withLimits(compute, this.parts.limits);
  }

  /**
   * Runs a job, stores its outputs and cleans up. Rejects only after the engine has stopped, so that the device is free.
   * @throws ResourceExhausted at once while the device is taken
   */
  async run<K extends JobKind>(job: Job<K>, caller: JobCaller): Promise<JobOutcome<K>> {
    let lease: Lease;
    try {
      lease = this.parts.admission.job(job.kind);
    } catch (error) {
      if (error instanceof ResourceExhausted) this.parts.metrics.refused(job.kind);
      throw error;
    }
    const work = this.#observed(job, caller, lease).finally(() => lease.release());
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    this.#running.add(settled);
    try {
      return await work;
    } finally {
      this.#running.delete(settled);
    }
  }

  /** Resolves when no job runs, or after `withinMs`; true in the first case. */
  async idle(withinMs: number): Promise<boolean> {
    if (this.#running.size === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), withinMs);
    });
    const idle = Promise.all(this.#running).then(() => true);
    try {
      return await Promise.race([idle, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #observed<K extends JobKind>(job: Job<K>, caller: JobCaller, lease: Lease): Promise<JobOutcome<K>> {
    const { metrics, logger } = this.parts;
    const { kind, context } = job;
    const began = performance.now();
    const seconds = (): number => (performance.now() - began) / 1000;
    const line = { kind, stageId: context?.stageId, workKey: context?.workKey, attempt: context?.attempt };
    metrics.began(kind);
    logger.info(line, 'job began');
    try {
      const attributes = { 'rift.job.kind': kind, 'rift.stage_id': context?.stageId ?? '', 'rift.attempt': context?.attempt ?? 0 };
      const outcome = await inSpan(`job ${kind}`, attributes, () => this.#computed(job, caller, lease));
      metrics.ended(kind, 'done', seconds());
      logger.info({ ...line, seconds: seconds(), digests: outcome.digests }, 'job done');
      return outcome;
    } catch (error) {
      const end = error instanceof Cancelled || caller.signal.aborted ? 'cancelled' : 'failed';
      metrics.ended(kind, end, seconds());
      logger.info({ ...line, seconds: seconds(), reason: error instanceof Error ? error.message : String(error) }, `job ${end}`);
      throw error;
    }
  }

  async #computed<K extends JobKind>(job: Job<K>, { signal, onProgress }: JobCaller, lease: Lease): Promise<JobOutcome<K>> {
    const scratch = await this.parts.scratch.open(job.context?.workKey ?? '');
    const files = new JobFiles(this.parts.artifacts, scratch);
    let done = false;
    try {
      const request = await job.request(files);
      const result = await this.parts.core.runJob(job.kind, request, {
        signal,
        onProgress: (progress) => {
          lease.estimate(progress.remainingSeconds);
          this.parts.metrics.progressed(job.kind, progress);
          onProgress?.(progress);
        },
      });
      const digests = await files.adoptOutputs();
      await job.finish?.(files, result);
      done = true;
      return { result, digests };
    } catch (error) {
      throw files.explained(error);
    } finally {
      await files.discard();
      if (done || !scratch.isKept) await scratch.remove();
    }
  }
}
