import { access, constants, mkdir } from 'node:fs/promises';

import type { DynamicModule, Type } from '@nestjs/common';
import type { ArtifactStore } from '@rift/artifacts';
import { packageDefinition, type ServiceName } from '@rift/contracts';
import { createCore, type Core } from '@rift/core';
import {
  Metrics,
  certificateMetric,
  gpuMetrics,
  startService,
  type ListenAddress,
  type Logger,
  type ReadinessCheck,
  type RunningService,
  type ServiceOptions,
} from '@rift/service-kit';

import { Admission } from './admission.js';
import { JobMetrics } from './metrics.js';
import { ScratchRoot } from './scratch.js';
import { isLoopback, workerGate } from './security.js';
import type { WorkerSettings } from './settings.js';
import { WorkerModule, type WorkerParts } from './worker.module.js';

const DAY_MS = 86_400_000;

/** How a worker is started. */
export interface WorkerOptions {
  /** Name in logs, metrics and errors. */
  readonly name: string;
  readonly services: readonly ServiceName[];
  readonly address: ListenAddress;
  readonly settings: WorkerSettings;
  /** Online streams at once. */
  readonly maxStreams?: number;
  readonly grpc?: Partial<ServiceOptions['grpc']>;
  /** The worker's features. */
  readonly features: (parts: WorkerParts) => Type | DynamicModule;
  readonly artifacts: ArtifactStore;
  /** The engine; the built addon by default. */
  readonly core?: Core;
  readonly logger: Logger;
}

/** HOST:PORT, with IPv6 hosts in brackets, in its two parts. */
export function listenAddress(address: string): ListenAddress {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}

/** Starts a worker that answers calls. Nothing is left open when it throws. */
export async function startWorker(options: WorkerOptions): Promise<RunningService> {
  const { name, settings, artifacts, logger } = options;
  const gate = workerGate(settings);
  if (!isLoopback(options.address.host) && gate.tlsFiles === undefined && !gate.asksForToken) {
    logger.warn({ host: options.address.host }, 'anyone who reaches this address may use the service: set RIFT_TLS_* or RIFT_TOKENS');
  }
  const core = options.core ?? createCore(undefined, { allowTorchscript: settings.RIFT_ALLOW_TORCHSCRIPT });
  const metrics = new Metrics().withProcessMetrics();
  gpuMetrics(metrics.registry);
  if (settings.RIFT_TLS_CERT !== undefined) certificateMetric(metrics.registry, settings.RIFT_TLS_CERT);
  const scratch = new ScratchRoot(settings.RIFT_WORK_DIR);
  const pruned = await scratch.prune(settings.RIFT_WORK_DAYS * DAY_MS);
  if (pruned > 0) logger.info({ pruned }, 'removed the folders of work that nobody finished');
  const parts: WorkerParts = {
    core,
    artifacts,
    admission: new Admission(options.maxStreams),
    scratch,
    limits: { device: settings.RIFT_DEVICE, threads: settings.RIFT_THREADS },
    metrics: new JobMetrics(metrics),
    logger,
    drainMs: settings.RIFT_DRAIN_SECONDS * 1000,
  };
  const features = options.features(parts);
  return startService({
    name,
    module: { module: class App {}, imports: [WorkerModule.forRoot(parts), features] },
    packageDefinition,
    services: options.services,
    grpc: { ...options.address, ...gate.serverOptions(), ...options.grpc },
    operations: settings.RIFT_HTTP_ADDRESS === undefined ? undefined : listenAddress(settings.RIFT_HTTP_ADDRESS),
    checks: readinessChecks(core, artifacts, settings.RIFT_WORK_DIR),
    logger,
    metrics,
  });
}

function readinessChecks(core: Core, artifacts: ArtifactStore, workFolder: string): ReadinessCheck[] {
  let engineWorks = false;
  return [
    {
      // The engine is loaded once; asking it again would wait behind a running job's threads.
      name: 'engine',
      probe: async () => {
        if (!engineWorks) core.doctor();
        engineWorks = true;
      },
    },
    { name: 'artifacts', probe: () => artifacts.check() },
    {
      name: 'work folder',
      probe: async () => {
        await mkdir(workFolder, { recursive: true });
        await access(workFolder, constants.R_OK | constants.W_OK | constants.X_OK);
      },
    },
  ];
}
