import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { untilServing, type HealthTarget } from './health.js';

/** One process to keep running. */
export interface ChildSpec {
  /** Name in messages and of the log file. */
  readonly name: string;
  /** Script that Node runs. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Its whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly health: HealthTarget;
}

/** What happens to a child. */
export interface ChildEvent {
  readonly name: string;
  readonly kind: 'ready' | 'crashed' | 'restarted' | 'gave-up';
  readonly text: string;
}

/** How children are kept running. */
export interface SupervisorOptions {
  readonly logFolder: string;
  readonly onEvent: (event: ChildEvent) => void;
  /** Time from start to readiness, in milliseconds. */
  readonly readyMs?: number;
  /** First pause before a restart, in milliseconds; doubles with each crash in a row. */
  readonly pauseMs?: number;
}

const READY_MS = 120_000;
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** A child that crashes more often than this within the window is given up. */
const MOST_CRASHES = 5;
const CRASH_WINDOW_MS = 60_000;
const LARGEST_LOG = 10 << 20;
const SHOWN_LINES = 8;
const GUARD = fileURLToPath(new URL('./guard.js', import.meta.url));

/** A child could not be started, or crashes again and again. */
export class ChildFailed extends Error {
  override readonly name = 'ChildFailed';
}

interface Child {
  readonly spec: ChildSpec;
  readonly logPath: string;
  process: ChildProcess | undefined;
  readonly crashes: number[];
}

/**
 * Starts processes, waits until each can work, starts those that crash again, and stops them all. Each child is the head of
 * a process group of its own, so that Ctrl-C in a terminal reaches the parent alone and a kill takes grandchildren along; a
 * child whose parent dies stops by itself (see guard.ts).
 */
export class Supervisor {
  readonly #children: Child[] = [];
  readonly #stopping = new AbortController();

  constructor(private readonly options: SupervisorOptions) {}

  /**
   * Starts a child and waits until it can work.
   *
   * @throws ChildFailed with the end of its log when it exits or is not ready in time
   */
  async start(spec: ChildSpec): Promise<void> {
    const child: Child = { spec, logPath: join(this.options.logFolder, `${spec.name}.log`), process: undefined, crashes: [] };
    this.#children.push(child);
    await mkdir(this.options.logFolder, { recursive: true });
    await rotate(child.logPath);
    await this.#launch(child);
    this.options.onEvent({ name: spec.name, kind: 'ready', text: `${spec.name} is ready at ${spec.health.address}` });
    void this.#keepRunning(child);
  }

  async #launch(child: Child): Promise<void> {
    const { spec, logPath } = child;
    this.#stopping.signal.throwIfAborted();
    const log = openSync(logPath, 'a');
    let started: ChildProcess;
    try {
      started = spawn(process.execPath, ['--import', GUARD, spec.script, ...(spec.args ?? [])], {
        env: spec.environment,
        stdio: ['ignore', log, log, 'ipc'],
        detached: true,
      });
    } finally {
      closeSync(log);
    }
    child.process = started;
    const gone = new AbortController();
    const exited = new Promise<never>((_, reject) => {
      const fail = (text: string): void => {
        gone.abort();
        void endOf(logPath).then((lines) => reject(new ChildFailed(`${spec.name} ${text}.${lines === '' ? '' : `\n${lines}`}`)));
      };
      started.once('error', (error) => fail(`could not be started: ${error.message}`));
      started.once('exit', (code, signal) =>
        fail(`ended before it was ready (${signal ?? `exit code ${code ?? '?'}`}); its log is ${logPath}`),
      );
    });
    // Once the child is ready nobody waits for this any more.
    exited.catch(() => undefined);
    const readyMs = this.options.readyMs ?? READY_MS;
    const late = AbortSignal.timeout(readyMs);
    try {
      await Promise.race([untilServing(spec.health, AbortSignal.any([gone.signal, late, this.#stopping.signal])), exited]);
    } catch (error) {
      if (late.aborted) throw new ChildFailed(`${spec.name} was not ready within ${Math.round(readyMs / 1000)} s; its log is ${logPath}.`);
      throw gone.signal.aborted ? await exited.catch((failure: unknown) => failure) : error;
    }
  }

  async #keepRunning(child: Child): Promise<void> {
    const { name } = child.spec;
    for (;;) {
      const end = await exitOf(child.process);
      if (this.#stopping.signal.aborted) return;
      child.crashes.push(Date.now());
      const recent = child.crashes.filter((at) => Date.now() - at < CRASH_WINDOW_MS).length;
      this.options.onEvent({ name, kind: 'crashed', text: `${name} ended unexpectedly (${end}); starting it again` });
      if (recent > MOST_CRASHES) {
        const text = `${name} crashed ${recent} times within a minute and is given up; its log is ${child.logPath}`;
        this.options.onEvent({ name, kind: 'gave-up', text });
        return;
      }
      const pause = Math.min(LONGEST_PAUSE_MS, (this.options.pauseMs ?? PAUSE_MS) * 2 ** (recent - 1));
      await sleep(pause, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return;
      try {
        await this.#launch(child);
        this.options.onEvent({ name, kind: 'restarted', text: `${name} is ready again` });
      } catch (error) {
        // It ended or hangs before it was ready: that is a crash like any other.
        if (!(error instanceof ChildFailed)) return;
        killGroup(child.process, 'SIGKILL');
      }
    }
  }

  /**
   * Asks all children to stop and kills what is left after the grace period. The one started last goes first, since it may
   * depend on the others.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    const last = this.#children.at(-1);
    if (last !== undefined) await stopOne(last, graceMs);
    await Promise.all(this.#children.slice(0, -1).map((child) => stopOne(child, graceMs)));
  }

  /** Kills all children at once. */
  kill(): void {
    this.#stopping.abort();
    for (const child of this.#children) killGroup(child.process, 'SIGKILL');
  }
}

async function stopOne({ process: running }: Child, graceMs: number): Promise<void> {
  killGroup(running, 'SIGTERM', { leaderOnly: true });
  const isGone = await Promise.race([exitOf(running).then(() => true), sleep(graceMs, false, { ref: false })]);
  // Whatever of the group outlived its leader goes with it.
  killGroup(running, 'SIGKILL');
  if (!isGone) await exitOf(running);
}

function exitOf(child: ChildProcess | undefined): Promise<string> {
  return new Promise((resolve) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      resolve(child?.signalCode ?? `exit code ${child?.exitCode ?? '?'}`);
      return;
    }
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code ?? '?'}`));
  });
}

function killGroup(child: ChildProcess | undefined, signal: NodeJS.Signals, { leaderOnly = false } = {}): void {
  if (child?.pid === undefined) return;
  if (leaderOnly && (child.exitCode !== null || child.signalCode !== null)) return;
  try {
    process.kill(leaderOnly ? child.pid : -child.pid, signal);
  } catch (error) {
    // Nobody is left in the group.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function rotate(path: string): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LARGEST_LOG) await rename(path, `${path}.1`);
}

/** The last lines of a log, for the message of a failed start. */
async function endOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .trimEnd()
    .split('\n')
    .slice(-SHOWN_LINES)
    .map((line) => `  ${line}`)
    .join('\n')
    .trimEnd();
}
