import { SERVICE_NAMES } from '@rift/contracts';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { REPOSITORY } from '../sample.js';
import type { StackAddresses, WorkerAddresses } from './messages.js';
import { freePorts } from './ports.js';
import type { ChildSpec } from './supervisor.js';

/** How many of each, and with what. */
export interface StackOptions {
  /** Folder of the local state, absolute. */
  readonly home: string;
  /** What the processes inherit; settings of this project in it (RIFT_…) are replaced. */
  readonly environment: Readonly<Record<string, string>>;
  readonly trainers: number;
  readonly attackers: number;
  /** Threads of all computation together; 0 means all that the machine has. */
  readonly threads: number;
  readonly device: string;
  /** Port of the orchestrator's gRPC; 0 lets the system choose. */
  readonly port: number;
  /** Port of the web page; 0 lets the system choose. */
  readonly webPort: number;
}

/** The processes of a stack in the order in which they are started, and where they answer. */
export interface StackPlan extends StackAddresses {
  readonly children: readonly ChildSpec[];
  /** HOST:PORT of every attacker and trainer, for clients that call them directly. */
  readonly workers: WorkerAddresses;
}

/** Settings of this project that children keep when the user set them. */
const KEPT = ['RIFT_LOG_LEVEL', 'RIFT_ALLOW_TORCHSCRIPT'];

function inherited(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('RIFT_') || KEPT.includes(name)));
}

/**
 * Threads of one trainer or attacker. Stages of both kinds may run side by side, but mostly one kind waits for the other, so
 * trainers and attackers each share out the whole.
 */
export function threadsEach(threads: number, replicas: number): number {
  return Math.max(1, Math.floor((threads === 0 ? availableParallelism() : threads) / replicas));
}

/** Lays a stack out on free loopback ports. */
export async function planStack(options: StackOptions): Promise<StackPlan> {
  const { home, trainers, attackers, threads, device } = options;
  const ports = await freePorts(2 + trainers + attackers);
  const next = (): string => `127.0.0.1:${ports.shift() ?? 0}`;
  const endpoint = options.port === 0 ? next() : `127.0.0.1:${options.port}`;
  const web = options.webPort === 0 ? next() : `127.0.0.1:${options.webPort}`;
  const shared = {
    ...inherited(options.environment),
    RIFT_ARTIFACTS: pathToFileURL(join(home, 'artifacts')).href,
    RIFT_WORK_DIR: join(home, 'work'),
    RIFT_DEVICE: device,
  };
  const script = (service: string): string => join(REPOSITORY, 'services', service, 'dist', 'main.js');
  const numbered = (name: string, index: number, count: number): string => (count === 1 ? name : `${name}-${index + 1}`);
  const worker = (kind: 'attacker' | 'trainer', count: number): ChildSpec[] =>
    Array.from({ length: count }, (_, index) => {
      const address = next();
      return {
        name: numbered(kind, index, count),
        script: script(kind),
        environment: {
          ...shared,
          [`RIFT_${kind.toUpperCase()}_ADDRESS`]: address,
          RIFT_THREADS: String(threadsEach(threads, count)),
          // The trainer reads data sets where the user has them.
          ...(kind === 'trainer' ? { RIFT_IMPORT_ROOT: '/' } : {}),
        },
        health: { address, service: SERVICE_NAMES[kind] },
      };
    });
  const workers = { attackers: worker('attacker', attackers), trainers: worker('trainer', trainers) };
  const addresses = (specs: readonly ChildSpec[]): string[] => specs.map(({ health }) => health.address);
  const answering = { attackers: addresses(workers.attackers), trainers: addresses(workers.trainers) };
  const orchestrator: ChildSpec = {
    name: 'orchestrator',
    script: script('orchestrator'),
    environment: {
      ...shared,
      RIFT_HOME: home,
      RIFT_ORCHESTRATOR_ADDRESS: endpoint,
      RIFT_WEB_ADDRESS: web,
      RIFT_ATTACKERS: answering.attackers.join(','),
      RIFT_TRAINERS: answering.trainers.join(','),
    },
    health: { address: endpoint, service: SERVICE_NAMES.runs },
  };
  return { endpoint, web: `http://${web}`, workers: answering, children: [...workers.attackers, ...workers.trainers, orchestrator] };
}
