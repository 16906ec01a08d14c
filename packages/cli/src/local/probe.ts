// Asks the engine what this machine has, in a process of its own: an engine that cannot be loaded may end the process.
import process from 'node:process';

import { createCore } from '@rift/core';

process.stdout.write(JSON.stringify(createCore().doctor()));
