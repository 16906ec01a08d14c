import { SERVICE_NAMES } from '@rift/contracts';
import type { RunningService } from '@rift/service-kit';
import { listenAddress, startWorker, type WorkerOptions } from '@rift/worker-kit';

import type { TrainerConfig } from './config.js';
import { TrainerModule } from './trainer.module.js';

/** Starts the trainer. @param parts what takes the place of the engine, the store or the log */
export async function startTrainer(
  config: TrainerConfig,
  parts: Pick<WorkerOptions, 'artifacts' | 'core' | 'logger'>,
): Promise<RunningService> {
  return startWorker({
    ...parts,
    name: 'trainer',
    services: [SERVICE_NAMES.trainer, SERVICE_NAMES.conversion],
    address: listenAddress(config.RIFT_TRAINER_ADDRESS),
    settings: config,
    grpc: { unaryTimeoutMs: config.RIFT_CONVERSION_MINUTES * 60_000 },
    features: () => TrainerModule.forRoot(config),
  });
}
