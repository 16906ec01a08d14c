// Hosts the services of local commands in a process of its own; see lease.ts. Its one argument is its options as JSON.
import process from 'node:process';

import { readConfig } from '../config.js';
import { StackHost, StackTaken } from './host.js';
import { TAKEN_EXIT } from './lease.js';

interface DaemonOptions {
  readonly home: string;
  readonly threads: number;
  readonly device: string;
}

const { home, threads, device } = JSON.parse(process.argv[2] ?? '{}') as DaemonOptions;
const log = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`);
const host = new StackHost({
  home,
  threads,
  device,
  environment: readConfig().inherited,
  trainers: 1,
  attackers: 1,
  port: 0,
  webPort: 0,
  stays: false,
  onEvent: log,
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void host.stop());
try {
  await host.run(({ endpoint }) => log(`ready at ${endpoint}`));
  process.exit(0);
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exit(error instanceof StackTaken ? TAKEN_EXIT : 1);
}
