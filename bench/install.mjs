// Makes the peers' Python environment where there is none, and says which interpreter it has.
import { peersPython } from './lib/environment.mjs';

process.stdout.write(`${peersPython()}\n`);
