import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ControlServer } from './control.js';
import { quitDatabase } from './database.js';
import { takeLock, type FileLock } from './lock.js';
import type { HostMessage, StackAddresses, WorkerAddresses } from './messages.js';
import { planStack, type StackOptions } from './services.js';
import { Supervisor, type ChildEvent } from './supervisor.js';

/** Time that services get to stop, in milliseconds; the running job stops at its next batch. */
const GRACE_MS = 25_000;
/** A stack that nobody came to use stops after this time. */
const UNUSED_MS = 15_000;

/** Names of the files that a stack keeps in its folder. */
export function stackFiles(home: string): { lock: string; info: string; logs: string } {
  return { lock: join(home, 'stack.lock'), info: join(home, 'stack.json'), logs: join(home, 'logs') };
}

/** What stack.json says. */
export interface StackInfo {
  readonly pid: number;
  /** Loopback port of the control server. */
  readonly control: number;
}

/** How a stack is hosted. */
export interface HostOptions extends StackOptions {
  /** Lives on when the last command that uses it has ended: `rift up`. */
  readonly stays: boolean;
  readonly onEvent: (text: string) => void;
}

/** The stack's folder is in use by another process. */
export class StackTaken extends Error {
  override readonly name = 'StackTaken';
}

/**
 * A stack of services on this machine: started once under a folder, shared by all commands that use the folder, and stopped
 * with the last of them.
 */
export class StackHost {
  #state: HostMessage = { type: 'progress', text: 'starting the services' };
  #isStopping = false;
  readonly #over = Promise.withResolvers<void>();
  /** Resolves when others may host a stack here. */
  readonly #cleared = Promise.withResolvers<void>();
  readonly #supervisor: Supervisor;
  readonly #control: ControlServer;
  readonly #files: ReturnType<typeof stackFiles>;

  constructor(
    private readonly options: HostOptions,
    /** Plans the processes; replaced in tests. */
    private readonly plan: typeof planStack = planStack,
  ) {
    this.#files = stackFiles(options.home);
    this.#supervisor = new Supervisor({ logFolder: this.#files.logs, onEvent: (event) => this.#childEvent(event) });
    this.#control = new ControlServer({
      greeting: () => [this.#isStopping ? { type: 'stopping' } : this.#state],
      onLastLeft: () => (options.stays ? Promise.resolve() : this.stop()),
      onKill: () => this.kill(),
    });
  }

  /**
   * Hosts the stack until it is stopped.
   *
   * @param onReady called once all services can work
   * @throws StackTaken when another process hosts one under this folder; ChildFailed when a service does not come up
   */
  async run(onReady: (addresses: StackAddresses & WorkerAddresses) => void): Promise<void> {
    const lock = await takeLock(this.#files.lock);
    if (lock === undefined) throw new StackTaken(`another process runs the services under ${this.options.home}`);
    try {
      await this.#announce(await this.#control.listen());
      if (!this.options.stays) setTimeout(() => this.#control.users === 0 && void this.stop(), UNUSED_MS).unref();
      await this.#start(onReady);
      await this.#over.promise;
    } finally {
      await this.#clear(lock);
    }
  }

  /** Stops all services; resolves when they have ended. */
  async stop(): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      await this.#supervisor.stop(GRACE_MS);
      quitDatabase(this.options.home);
      this.#over.resolve();
    }
    await this.#cleared.promise;
  }

  /** Kills all services at once. */
  kill(): void {
    this.#isStopping = true;
    this.#supervisor.kill();
    quitDatabase(this.options.home);
    this.#over.resolve();
  }

  async #start(onReady: (addresses: StackAddresses & WorkerAddresses) => void): Promise<void> {
    try {
      const { children, endpoint, web, workers } = await this.plan(this.options);
      if (this.#isStopping) return;
      this.#tell({ type: 'progress', text: `starting ${children.map(({ name }) => name).join(', ')}` });
      await Promise.all(children.map((child) => this.#supervisor.start(child)));
      this.#tell({ type: 'ready', endpoint, web });
      onReady({ endpoint, web, ...workers });
    } catch (error) {
      if (this.#isStopping) return;
      this.#tell({ type: 'failed', text: error instanceof Error ? error.message : String(error) });
      this.#isStopping = true;
      await this.#supervisor.stop(GRACE_MS);
      throw error;
    }
  }

  #tell(message: HostMessage): void {
    this.#state = message;
    this.#control.broadcast(message);
    if (message.type === 'progress') this.options.onEvent(message.text);
  }

  #childEvent({ kind, text }: ChildEvent): void {
    this.options.onEvent(text);
    if (kind === 'crashed' || kind === 'restarted') this.#control.broadcast({ type: 'progress', text });
    if (kind !== 'gave-up') return;
    this.#control.broadcast({ type: 'failed', text });
    void this.stop();
  }

  async #announce(control: number): Promise<void> {
    await mkdir(this.options.home, { recursive: true });
    const draft = `${this.#files.info}.${randomUUID().slice(0, 8)}`;
    const info: StackInfo = { pid: process.pid, control };
    await writeFile(draft, JSON.stringify(info));
    await rename(draft, this.#files.info);
  }

  async #clear(lock: FileLock): Promise<void> {
    await rm(this.#files.info, { force: true });
    await lock.release();
    this.#cleared.resolve();
    // In the next turn, so that the last messages leave first.
    setImmediate(() => this.#control.close());
  }
}
