import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { randomUUID } from 'node:crypto';
import { FolderStore } from '@rift/artifacts';
import {
  CatalogServiceConstructor,
  RunServiceConstructor,
  type Plan,
  type Run,
  type RunSettings,
  type WatchRunResponse,
} from '@rift/contracts';
import { Peer } from '@rift/service-kit';
import pg from 'pg';
import { startEmbeddedPostgres } from '../postgres/embedded-postgres.js';
import { FakeWorker } from './fake-workers.js';
import { someSettings } from './messages.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
/** Long enough for a machine that is busy with other things; nothing waits this long when it is not. */
const PATIENCE_MS = 120_000;

const runs = RunServiceConstructor.service;
const catalog = CatalogServiceConstructor.service;

/** An orchestrator process on a PostgreSQL of its own, with fake workers, all over real gRPC. */
export class Harness {
  #child: ChildProcess | undefined;
  #peer: Peer | undefined;
  #webPort: number | undefined;
  readonly log: string[] = [];

  private constructor(
    readonly home: string,
    readonly store: FolderStore,
    readonly workers: readonly FakeWorker[],
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /**
   * @param settings environment variables of the orchestrator, over the harness's own.
   * @param shared state folder of another harness, whose artifacts and data set this one uses too.
   */
  static async start(workerCount = 1, settings: Readonly<Record<string, string>> = {}, shared?: string): Promise<Harness> {
    const home = shared ?? (await mkdtemp(join(tmpdir(), 'rift-test-')));
    const store = await FolderStore.open(join(home, 'artifacts'));
    const workers = await Promise.all(Array.from({ length: workerCount }, () => new FakeWorker(store).start()));
    const harness = new Harness(home, store, workers, settings);
    try {
      await harness.boot();
      await harness.peer.unary(catalog.ImportDataset, { import: { name: 'toy', path: '/toy' } });
      return harness;
    } catch (error) {
      await harness.close();
      throw error;
    }
  }

  get worker(): FakeWorker {
    const [worker] = this.workers;
    if (!worker) throw new Error('This harness has no worker.');
    return worker;
  }

  get peer(): Peer {
    if (!this.#peer) throw new Error('The orchestrator does not run.');
    return this.#peer;
  }

  /** Process of the orchestrator. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Address of REST and the web page, for harnesses with RIFT_WEB_ADDRESS. */
  get web(): string {
    return `http://127.0.0.1:${this.#webPort}`;
  }

  /**
   * Starts the orchestrator; a second time, after kill(), on the same state.
   *
   * @param more environment variables for this start alone.
   */
  async boot(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const addresses = this.workers.map((worker) => worker.address).join(',');
    const child = spawn(process.execPath, [MAIN], {
      env: {
        RIFT_ORCHESTRATOR_ADDRESS: '127.0.0.1:0',
        RIFT_HOME: this.home,
        RIFT_ATTACKERS: addresses,
        RIFT_TRAINERS: addresses,
        RIFT_JOBS_PER_WORKER: '2',
        RIFT_LOG_LEVEL: 'debug',
        ...this.settings,
        ...more,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    const port = await new Promise<number>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`The orchestrator ended with code ${code}:\n${this.log.slice(-20).join('\n')}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.log.push(line);
        const found = /"grpcPort":(\d+)/.exec(line)?.[1];
        this.#webPort = Number(/"httpPort":(\d+)/.exec(line)?.[1] ?? this.#webPort);
        if (found !== undefined) resolve(Number(found));
      });
    });
    this.#peer = new Peer(`127.0.0.1:${port}`);
  }

  /** Ends the orchestrator by a signal and waits until it is gone. @returns its exit code */
  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (!child) return null;
    this.#child = undefined;
    if (child.exitCode !== null) return child.exitCode;
    this.#peer?.close();
    const gone = once(child, 'exit');
    child.kill(signal);
    const [code] = (await gone) as [number | null];
    return code;
  }

  async create(changes: Partial<RunSettings> = {}, plan: Plan | null = null, requestId: string = randomUUID()): Promise<Run> {
    const { run } = await this.peer.unary(runs.CreateRun, { requestId, name: 'test', settings: someSettings(changes), plan });
    return present(run);
  }

  async get(id: string): Promise<Run> {
    return present((await this.peer.unary(runs.GetRun, { id }, { idempotent: true })).run);
  }

  async cancel(id: string): Promise<Run> {
    return present((await this.peer.unary(runs.CancelRun, { id })).run);
  }

  async resume(id: string): Promise<Run> {
    return present((await this.peer.unary(runs.ResumeRun, { id })).run);
  }

  watch(id: string, afterSequence = 0, signal?: AbortSignal): AsyncGenerator<WatchRunResponse, void, void> {
    return this.peer.serverStream(runs.WatchRun, { id, afterSequence }, signal ? { signal } : {});
  }

  /** Waits for the end of a run. */
  async ended(id: string): Promise<Run> {
    for await (const event of this.watch(id)) void event;
    return this.get(id);
  }

  /** Waits until something holds. */
  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (Date.now() > giveUpAt) throw new Error(`Waited in vain for: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Keys of the units whose results are kept in the built-in database. */
  async keptKeys(): Promise<Set<string>> {
    const { url } = await startEmbeddedPostgres(join(this.home, 'postgres'));
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const { rows } = await client.query<{ work_key: string }>('SELECT work_key FROM results');
      return new Set(rows.map((row) => row.work_key));
    } finally {
      await client.end();
    }
  }

  async close(): Promise<void> {
    await this.kill('SIGTERM');
    for (const worker of this.workers) worker.stop();
    await rm(this.home, { recursive: true, force: true });
  }
}

function present<T>(value: T | null): T {
  if (value === null) throw new Error('The answer holds no run.');
  return value;
}

/** Results of a run without what differs from one execution to the next. */
export function figuresOf(run: Run): unknown[] {
  return run.stages.map((stage) => ({ id: stage.id, state: stage.state, result: stage.result }));
}
