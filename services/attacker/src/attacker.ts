import { SERVICE_NAMES } from '@rift/contracts';
import type { RunningService } from '@rift/service-kit';
import { listenAddress, startWorker, type WorkerOptions } from '@rift/worker-kit';

import { AttackerModule } from './attacker.module.js';
import type { AttackerConfig } from './config.js';

/** Starts the attacker. @param parts what takes the place of the engine, the store or the log */
export async function startAttacker(
  config: AttackerConfig,
  parts: Pick<WorkerOptions, 'artifacts' | 'core' | 'logger'>,
): Promise<RunningService> {
  return startWorker({
    ...parts,
    name: 'attacker',
    services: [SERVICE_NAMES.attacker],
    address: listenAddress(config.RIFT_ATTACKER_ADDRESS),
    settings: config,
    maxStreams: config.RIFT_PERTURB_STREAMS,
    features: () => AttackerModule.forRoot(config.RIFT_PERTURB_IDLE_SECONDS * 1000),
  });
}
