// Hosts a stack of one fake service; see local/daemon.ts for the real one.
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { StackHost, StackTaken } from '../local/host.js';
import { TAKEN_EXIT } from '../local/lease.js';
import { freePorts } from '../local/ports.js';
import { testEnvironment } from './config.js';

const { home } = JSON.parse(process.argv[2] ?? '{}') as { home: string };
const environment = testEnvironment();
const options = { home, environment, trainers: 1, attackers: 1, threads: 0, device: 'auto', port: 0, webPort: 0, stays: false };
const host = new StackHost({ ...options, onEvent: (text) => process.stderr.write(`${text}\n`) }, async () => {
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const script = fileURLToPath(new URL('./fake-service.js', import.meta.url));
  const child = { name: 'fake', script, environment: { ...environment, FAKE_ADDRESS: address }, health: { address, service: 'fake' } };
  return { endpoint: address, web: 'http://nowhere', workers: { attackers: [], trainers: [] }, children: [child] };
});
try {
  await host.run(() => undefined);
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof StackTaken ? TAKEN_EXIT : 1);
}
