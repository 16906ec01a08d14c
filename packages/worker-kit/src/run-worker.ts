import { join } from 'node:path';

import { openArtifactStore } from '@rift/artifacts';
import { EnvironmentError, ExitCode, closeOnSignals, createLogger, exitCodeOf, startTracing, type RunningService } from '@rift/service-kit';

import type { WorkerSettings } from './settings.js';
import type { WorkerOptions } from './start-worker.js';

const GIBIBYTE = 2 ** 30;

/** What a worker is started with when it is a process of its own. */
export type ProcessParts = Pick<WorkerOptions, 'artifacts' | 'logger'>;

/**
 * Runs a worker as this process until SIGTERM or SIGINT. A start that fails is told in one message on standard error, and
 * ends the process with its exit code (2 for wrong settings).
 */
export async function runWorker<C extends WorkerSettings>(
  name: string,
  readConfig: () => C,
  start: (config: C, parts: ProcessParts) => Promise<RunningService>,
): Promise<void> {
  try {
    const config = readConfig();
    const logger = createLogger({ name, level: config.RIFT_LOG_LEVEL });
    const artifacts = await openArtifactStore(config.RIFT_ARTIFACTS, {
      cacheFolder: join(config.RIFT_WORK_DIR, 'cache'),
      cacheBytes: config.RIFT_CACHE_GIB * GIBIBYTE,
    });
    const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT;
    const stopTracing = endpoint === undefined ? undefined : startTracing({ service: name, endpoint, logger });
    const service = await start(config, { artifacts, logger });
    const close = async (): Promise<void> => {
      await service.close();
      await stopTracing?.();
    };
    closeOnSignals({ close }, logger);
  } catch (error) {
    process.stderr.write(`${name} cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof EnvironmentError ? ExitCode.usage : exitCodeOf(error));
  }
}
