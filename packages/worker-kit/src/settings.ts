import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { GATE_VARIABLES, LOG_LEVELS, setting } from '@rift/service-kit';
import type { z } from 'zod';

/** Settings that every worker has, for readEnvironment. */
export const WORKER_SETTINGS = {
  /** Artifact store: file:///absolute/folder or s3://bucket/prefix?endpoint=…; the same for all services. */
  RIFT_ARTIFACTS: setting
    .text()
    .regex(/^(file|s3):\/\//, 'must be file:///absolute/folder or s3://bucket/prefix?endpoint=…')
    .default(() => pathToFileURL(resolve('.rift/artifacts')).href),
  /** Threads of all computation; 0 means all that the machine gives. */
  RIFT_THREADS: setting.integer(0, 1024).default(0),
  /** Device of jobs that leave it open. */
  RIFT_DEVICE: setting
    .text()
    .regex(/^(auto|cpu|cuda(:\d{1,3})?)$/, 'must be auto, cpu, cuda or cuda:N')
    .default('auto'),
  /** Whether networks may be TorchScript programs, which run with the service's rights; set it where files come from trusted people. */
  RIFT_ALLOW_TORCHSCRIPT: setting
    .oneOf(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
  /** Folder for checkpoints and unfinished files; shared between replicas, they go on from each other's checkpoints. */
  RIFT_WORK_DIR: setting
    .text()
    .default('.rift/work')
    .transform((folder) => resolve(folder)),
  /** Gibibytes of a remote store's artifacts that are kept here between jobs. */
  RIFT_CACHE_GIB: setting.integer(1, 10_000).default(20),
  /** Days after which the folder of work that nobody finished is removed. */
  RIFT_WORK_DAYS: setting.integer(1, 365).default(7),
  /** Seconds that a shutdown waits for the running job to stop at its next batch. */
  RIFT_DRAIN_SECONDS: setting.integer(1, 600).default(20),
  /** Where /livez, /readyz and /metrics are; unset for nowhere. */
  RIFT_HTTP_ADDRESS: setting.address().optional(),
  ...GATE_VARIABLES,
  /** Collector that traces are sent to; unset, none are recorded. */
  OTEL_EXPORTER_OTLP_ENDPOINT: setting.collector(),
  RIFT_LOG_LEVEL: setting.oneOf(LOG_LEVELS).default('info'),
};

/** The settings as read. */
export type WorkerSettings = Readonly<z.output<z.ZodObject<typeof WORKER_SETTINGS>>>;
