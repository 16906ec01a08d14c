import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { RiftClient } from '@rift/client';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SAMPLES = join(ROOT, 'samples');
const RESTART_MS = 100;

/** What can be killed: a service, the database's server, or all of them at once as when a machine goes. */
export type Victim = 'orchestrator' | `attacker-${number}` | `trainer-${number}` | 'postgres' | 'everything';

/** A line of a service's log, as far as the tests read it. */
interface LogLine {
  readonly time: string | number;
  readonly kind?: string;
  readonly workKey?: string;
}

/** What a worker said of a job. */
export interface JobEvent {
  readonly service: string;
  readonly what: 'began' | 'done' | 'cancelled' | 'failed';
  readonly kind: string;
  readonly workKey: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

interface Service {
  readonly name: string;
  readonly main: string;
  readonly environment: Readonly<Record<string, string>>;
  child: ChildProcess | undefined;
}

/** How a stack is laid out. */
export interface StackSize {
  readonly attackers?: number;
  readonly trainers?: number;
  /** Puts the artifacts on a disk of so many MiB, where this account may mount one. */
  readonly diskMiB?: number;
  /** More settings of the orchestrator. */
  readonly orchestrator?: Readonly<Record<string, string>>;
}

/**
 * The three services as processes of their own with the real engine and the built-in PostgreSQL; whatever ends is started again, as
 * an init system or a cluster does. One thread for each worker.
 */
export class FaultStack implements AsyncDisposable {
  readonly jobs: JobEvent[] = [];
  readonly log: string[] = [];
  readonly client: RiftClient;
  #stopping = false;

  private constructor(
    readonly folder: string,
    private readonly services: readonly Service[],
    endpoint: string,
    /** Whether the artifacts lie on a disk of their own. */
    readonly hasOwnDisk: boolean,
  ) {
    this.client = new RiftClient(endpoint);
  }

  static async start({ attackers = 1, trainers = 1, diskMiB = 0, orchestrator = {} }: StackSize = {}): Promise<FaultStack> {
    const folder = await mkdtemp(join(tmpdir(), 'rift-faults-'));
    const artifacts = join(folder, 'artifacts');
    await mkdir(artifacts);
    const isMounted = diskMiB > 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMiB}m`, 'tmpfs', artifacts]).status === 0;
    const ports = await freePorts(1 + attackers + trainers);
    const next = (): string => `127.0.0.1:${ports.shift() ?? 0}`;
    const shared = {
      RIFT_ARTIFACTS: pathToFileURL(artifacts).href,
      RIFT_WORK_DIR: join(folder, 'work'),
      RIFT_THREADS: '1',
      LD_LIBRARY_PATH: process.env['LD_LIBRARY_PATH'] ?? '',
    };
    const workers = (kind: 'attacker' | 'trainer', count: number): Service[] =>
      Array.from({ length: count }, (_, index) => ({
        name: `${kind}-${index}`,
        main: mainOf(kind),
        environment: { ...shared, [`RIFT_${kind.toUpperCase()}_ADDRESS`]: next(), RIFT_IMPORT_ROOT: SAMPLES },
        child: undefined,
      }));
    const addresses = (services: readonly Service[], kind: string): string =>
      services.map(({ environment }) => environment[`RIFT_${kind}_ADDRESS`]).join(',');
    const endpoint = next();
    const [attack, train] = [workers('attacker', attackers), workers('trainer', trainers)];
    const first: Service = {
      name: 'orchestrator',
      main: mainOf('orchestrator'),
      environment: {
        ...shared,
        RIFT_HOME: join(folder, 'home'),
        RIFT_ORCHESTRATOR_ADDRESS: endpoint,
        RIFT_ATTACKERS: addresses(attack, 'ATTACKER'),
        RIFT_TRAINERS: addresses(train, 'TRAINER'),
        // Kills come every second or two: a unit may be lost many times over.
        RIFT_MAX_ATTEMPTS: '100',
        ...orchestrator,
      },
      child: undefined,
    };
    const stack = new FaultStack(folder, [first, ...attack, ...train], endpoint, isMounted);
    for (const service of stack.services) stack.#launch(service);
    await stack.client.ready(120_000);
    return stack;
  }

  /** Where the built-in PostgreSQL lives. */
  get postgresFolder(): string {
    return join(this.folder, 'home', 'postgres');
  }

  /** Names of all that can be killed. */
  get victims(): Victim[] {
    return [...this.services.map(({ name }) => name as Victim), 'postgres', 'everything'];
  }

  /** Kills by SIGKILL; returns whether something was there to be killed. */
  async kill(victim: Victim): Promise<boolean> {
    const services = this.services.filter(({ name }) => victim === 'everything' || name === victim);
    const database = victim === 'postgres' || victim === 'everything' ? await this.#databaseProcesses(victim === 'everything') : [];
    const pids = [
      ...services.flatMap(({ child }) => (child?.pid !== undefined && child.exitCode === null ? [child.pid] : [])),
      ...database,
    ];
    let hits = 0;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
        hits += 1;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    return hits > 0;
  }

  /** The server's process and, where asked, its children. */
  async #databaseProcesses(withChildren: boolean): Promise<number[]> {
    const lock = await readFile(join(this.postgresFolder, 'data', 'postmaster.pid'), 'utf8').catch(() => '');
    const server = Number.parseInt(lock, 10);
    if (!(server > 1)) return [];
    if (!withChildren) return [server];
    const found = [server];
    for (const name of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
      const status = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      if (Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]) === server) found.push(Number(name));
    }
    return found;
  }

  /** Stops a service's process without ending it, as a hang does, until the function that is returned is called. */
  pause(name: Exclude<Victim, 'postgres' | 'everything'>): () => void {
    const child = this.services.find((service) => service.name === name)?.child;
    child?.kill('SIGSTOP');
    return () => void child?.kill('SIGCONT');
  }

  /** Fills the disk of the artifacts to the last byte. @returns makes the room again */
  async fillDisk(): Promise<() => Promise<void>> {
    const path = join(this.folder, 'artifacts', 'filler');
    const { bavail, bsize } = await statfs(join(this.folder, 'artifacts'));
    await writeFile(path, Buffer.alloc(bavail * bsize));
    return () => truncate(path);
  }

  /** Waits until something holds. */
  async until(what: string, holds: () => boolean, withinMs = 120_000): Promise<void> {
    const giveUpAt = performance.now() + withinMs;
    while (!holds()) {
      if (performance.now() > giveUpAt) throw new Error(`Waited in vain for: ${what}\n${this.log.slice(-40).join('\n')}`);
      await sleep(10);
    }
  }

  /** Sends a signal to a service. @returns resolves when the process has ended, with the milliseconds it took */
  async signal(name: Exclude<Victim, 'postgres' | 'everything'>, signal: NodeJS.Signals): Promise<{ code: number | null; ms: number }> {
    const child = this.services.find((service) => service.name === name)?.child;
    if (!child) throw new Error(`${name} does not run`);
    const since = performance.now();
    const gone = once(child, 'exit');
    child.kill(signal);
    const [code] = (await gone) as [number | null];
    return { code, ms: performance.now() - since };
  }

  #launch(service: Service): void {
    const child = spawn(process.execPath, [service.main], { env: { ...service.environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    service.child = child;
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => this.#read(service, line));
    child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      this.log.push(`${service.name} ended: ${signal ?? code ?? '?'}`);
      void sleep(RESTART_MS).then(() => {
        if (!this.#stopping) this.#launch(service);
      });
    });
  }

  #read({ name }: Service, line: string): void {
    this.log.push(`${name} ${line}`);
    const what = /"msg":"job (began|done|cancelled|failed)"/.exec(line)?.[1] as JobEvent['what'] | undefined;
    if (what === undefined) return;
    const { time, kind = '', workKey = '' } = JSON.parse(line) as LogLine;
    this.jobs.push({ service: name, what, kind, workKey, at: new Date(time).getTime() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.client.close();
    const living = this.services.flatMap(({ child }) => (child && child.exitCode === null && child.signalCode === null ? [child] : []));
    await Promise.all(
      living.map(async (child) => {
        const gone = once(child, 'exit');
        child.kill('SIGTERM');
        await gone;
      }),
    );
    // Whoever was killed last may have left the database behind.
    await this.kill('postgres');
    if (this.hasOwnDisk) spawnSync('umount', ['-l', join(this.folder, 'artifacts')]);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

function mainOf(service: string): string {
  return join(ROOT, 'services', service, 'dist', 'main.js');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
