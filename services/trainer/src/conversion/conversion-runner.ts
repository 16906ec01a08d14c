import { JobRunner, Lane, type WorkerParts } from '@rift/worker-kit';

/** Runs conversions, a few at once and beside the job on the device: they read and write files only. */
export class ConversionRunner extends JobRunner {
  constructor(parts: WorkerParts, atOnce: number) {
    super({ ...parts, admission: new Lane('conversions', atOnce) });
  }
}
