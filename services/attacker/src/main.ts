import { runWorker } from '@rift/worker-kit';

import { startAttacker } from './attacker.js';
import { readConfig } from './config.js';

await runWorker('attacker', readConfig, startAttacker);
