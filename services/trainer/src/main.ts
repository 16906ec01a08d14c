import { runWorker } from '@rift/worker-kit';

import { readConfig } from './config.js';
import { startTrainer } from './trainer.js';

await runWorker('trainer', readConfig, startTrainer);
