import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MAIN = join(ROOT, 'packages', 'cli', 'dist', 'main.js');

/** The network and images that come with the project. */
export const SAMPLE = { network: join(ROOT, 'samples', 'resnet18-w16.safetensors'), data: join(ROOT, 'samples', 'cifar10') } as const;

/** A command that has ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `rift up --json` says. */
export interface StackAddresses {
  readonly endpoint: string;
  readonly web: string;
  readonly attackers: readonly string[];
  readonly trainers: readonly string[];
}

/** One process of the command line. */
export class RunningCommand {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(argv: readonly string[], home: string, cwd: string) {
    const { PATH = '', HOME = '', LD_LIBRARY_PATH = '' } = process.env;
    this.#child = spawn(process.execPath, [MAIN, ...argv], {
      cwd,
      env: { PATH, HOME, LD_LIBRARY_PATH, RIFT_HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#closed = once(this.#child, 'close');
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Closes the reading end of the command's standard output, as `head` does. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  async ended(): Promise<Ended> {
    await this.#closed;
    return { code: this.#child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  /** Resolves when the command has said this. */
  async said(pattern: RegExp, withinMs = 180_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const match = pattern.exec(this.stdout + this.stderr);
      if (match !== null) return match;
      assert.equal(this.#child.exitCode, null, `it ended before it said ${pattern}:\n${this.stderr}`);
      assert.ok(Date.now() < deadline, `it did not say ${pattern} within ${withinMs} ms:\n${this.stderr}`);
      await sleep(20);
    }
  }
}

/** A folder with the state of local services, and commands that run in it. */
export class Workplace implements AsyncDisposable {
  endpoint: string | undefined;
  #up: RunningCommand | undefined;

  private constructor(readonly folder: string) {}

  static async create(): Promise<Workplace> {
    return new Workplace(await mkdtemp(join(tmpdir(), 'rift-e2e-')));
  }

  get home(): string {
    return join(this.folder, 'home');
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts a command; with `rift up` running, against that. */
  start(...argv: string[]): RunningCommand {
    return new RunningCommand([...argv, ...(this.endpoint === undefined ? [] : ['--endpoint', this.endpoint])], this.home, this.folder);
  }

  async run(...argv: string[]): Promise<Ended> {
    return this.start(...argv).ended();
  }

  /** Runs a command that has to succeed, and reads its one JSON document. */
  async json<T = Record<string, unknown>>(...argv: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run(...argv, '--json');
    assert.equal(code, 0, `rift ${argv.join(' ')}\n${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Starts `rift up`. @returns where its services answer */
  async up(...argv: string[]): Promise<StackAddresses> {
    this.#up = new RunningCommand(['up', ...argv, '--json'], this.home, this.folder);
    const [document = ''] = await this.#up.said(/^\{.*\}$/m);
    const addresses = JSON.parse(document) as StackAddresses;
    this.endpoint = addresses.endpoint;
    return addresses;
  }

  /** Stops `rift up`. @returns how it ended */
  async down(): Promise<Ended | undefined> {
    this.#up?.signal('SIGINT');
    const ended = await this.#up?.ended();
    this.#up = undefined;
    this.endpoint = undefined;
    return ended;
  }

  /** Processes that have anything to do with this workplace. */
  async processes(): Promise<string[]> {
    const found: string[] = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const [line, environment] = await Promise.all([
        readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
        readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
      ]);
      if (Number(pid) !== process.pid && (line.includes(this.folder) || environment.includes(this.folder)))
        found.push(`${pid} ${line.replaceAll('\0', ' ')}`);
    }
    return found;
  }

  /** Fails when a process outlives its command. */
  async assertNothingRuns(withinMs = 5_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    let left = await this.processes();
    while (left.length > 0 && Date.now() < deadline) {
      await sleep(100);
      left = await this.processes();
    }
    assert.deepEqual(left, [], 'processes that were left behind');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}
