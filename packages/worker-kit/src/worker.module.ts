import { Module, type DynamicModule, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import type { ArtifactStore } from '@rift/artifacts';
import type { Core } from '@rift/core';
import type { Logger } from '@rift/service-kit';

import { Admission } from './admission.js';
import { JobRunner, type ComputeLimits } from './job-runner.js';
import type { JobMetrics } from './metrics.js';
import type { ScratchRoot } from './scratch.js';

/** Token of the {@link WorkerParts}. */
export const WORKER_PARTS = Symbol('WorkerParts');

/** What a worker's features are made of. */
export interface WorkerParts {
  readonly core: Core;
  readonly artifacts: ArtifactStore;
  readonly admission: Admission;
  readonly scratch: ScratchRoot;
  readonly limits: ComputeLimits;
  readonly metrics: JobMetrics;
  readonly logger: Logger;
  /** Milliseconds that a shutdown waits for the running job to stop. */
  readonly drainMs: number;
}

/** Holds the shutdown until the running job has stopped and its checkpoint is written; its call has been ended before. */
class JobDrain implements OnApplicationShutdown {
  constructor(
    private readonly runner: JobRunner,
    private readonly parts: WorkerParts,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    const stopped = await this.runner.idle(this.parts.drainMs);
    if (!stopped)
      this.parts.logger.warn(
        { drainMs: this.parts.drainMs },
        'the running job did not stop in time; a retry goes on from its last checkpoint',
      );
  }
}

/** Gives every feature of a worker the job runner and what it is made of. */
@Module({})
export class WorkerModule {
  static forRoot(parts: WorkerParts): DynamicModule {
    const runner = new JobRunner(parts);
    const providers: Provider[] = [
      { provide: WORKER_PARTS, useValue: parts },
      { provide: JobRunner, useValue: runner },
      { provide: JobDrain, useValue: new JobDrain(runner, parts) },
    ];
    return { module: WorkerModule, global: true, providers, exports: [WORKER_PARTS, JobRunner] };
  }
}
