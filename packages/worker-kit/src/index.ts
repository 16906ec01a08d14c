export { Admission, Lane, type Lease } from './admission.js';
export { InputFiles, JobFiles } from './job-files.js';
export {
  JobRunner,
  withLimits,
  type ComputeLimits,
  type Job,
  type JobAdmission,
  type JobCaller,
  type JobOutcome,
  type JobRunnerParts,
} from './job-runner.js';
export { jobStream, type JobEvent } from './job-stream.js';
export { JobMetrics } from './metrics.js';
export { runWorker, type ProcessParts } from './run-worker.js';
export { ScratchRoot, type Scratch } from './scratch.js';
export { WORKER_SETTINGS, type WorkerSettings } from './settings.js';
export { listenAddress, startWorker, type WorkerOptions } from './start-worker.js';
export { WORKER_PARTS, WorkerModule, type WorkerParts } from './worker.module.js';
