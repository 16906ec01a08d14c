import { Cancelled, Peer, Unavailable, type Logger, type PeerOptions } from '@rift/service-kit';
import { addressesOf, endpointOf } from './addresses.js';
import { JobQueue, type Queued } from './job-queue.js';
import { judge } from './retry-policy.js';

/** How a pool of workers behaves. */
export interface PoolOptions extends PeerOptions {
  /** What the workers are, for messages ("attackers"). */
  readonly name: string;
  /** HOST:PORT or dns:///NAME:PORT; a name that stands for several addresses counts as that many workers. */
  readonly targets: readonly string[];
  /** Jobs that one worker takes at a time. */
  readonly jobsPerWorker: number;
  /** Counted tries at one job before it fails. */
  readonly maxAttempts: number;
  /** How long no worker may be reachable before waiting jobs fail, in milliseconds. */
  readonly unreachableMs: number;
  /** How often names are looked up again, in milliseconds; default 5000. */
  readonly lookupMs?: number;
  readonly logger: Logger;
}

/** A piece of work for one worker. */
export interface Job<T> extends Queued {
  /** For messages. */
  readonly name: string;
  /** Ends the waiting and the call. */
  readonly signal: AbortSignal;
  /** Does the work on a worker. @param attempt counts the tries from 1; tries that met a busy worker do not count */
  readonly call: (peer: Peer, attempt: number) => Promise<T>;
  /** Told when a counted try failed and another one follows. */
  readonly onRetry?: (reason: string) => void;
}

interface Target {
  /** The name it was found under, as configured. */
  readonly name: string;
  readonly address: string;
  readonly peer: Peer;
  /** Its address went from the name: it gets nothing new, and is closed when its last job has ended. */
  isGone: boolean;
  busy: number;
  failures: number;
  /** No call before this time. */
  restingUntil: number;
}

interface Waiting extends Queued {
  attempt: number;
  /** Sum of what the failed tries count. */
  spent: number;
  /** Target of the last failure, to be avoided. */
  avoid: Target | undefined;
  readonly start: (target: Target) => void;
  readonly fail: (error: Error) => void;
}

const LOOKUP_INTERVAL_MS = 5_000;
const FIRST_REST_MS = 200;
const LONGEST_REST_MS = 5_000;

/** Milliseconds of a clock that no change of the system's time moves. */
const now = (): number => performance.now();

/**
 * Hands jobs to workers, as many at a time as they take, by priority and in turn between their owners. Busy workers are asked again, lost ones are left
 * for others, and a job is tried again where that can help.
 */
export class WorkerPool {
  #targets: Target[];
  readonly #waiting = new JobQueue<Waiting>();
  readonly #lookups: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #lastContact = now();
  #isClosed = false;

  constructor(private readonly options: PoolOptions) {
    this.#targets = options.targets.map((name) => this.#target(name, name));
    this.#lookups = setInterval(() => void this.#lookUp(), options.lookupMs ?? LOOKUP_INTERVAL_MS).unref();
    void this.#lookUp();
  }

  #target(name: string, address: string): Target {
    const { host } = endpointOf(name);
    const peer = new Peer(address, address === name ? this.options : { ...this.options, serverName: host });
    return { name, address, peer, isGone: false, busy: 0, failures: 0, restingUntil: 0 };
  }

  /** Jobs that wait for a worker. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Jobs that run on workers. */
  get running(): number {
    return this.#targets.reduce((sum, target) => sum + target.busy, 0);
  }

  /**
   * Runs a job to its end.
   *
   * @throws Cancelled when its signal fires; Unavailable when no worker can be reached for too long; otherwise the error of the
   * last try.
   */
  run<T>(job: Job<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (job.signal.aborted) return reject(new Cancelled(job.name));
      const settle = (finish: () => void): void => {
        job.signal.removeEventListener('abort', abandon);
        finish();
      };
      const waiting: Waiting = {
        priority: job.priority,
        owner: job.owner,
        order: job.order,
        attempt: 1,
        spent: 0,
        avoid: undefined,
        start: (target) => void this.#try(job, waiting, target, (value) => settle(() => resolve(value))),
        fail: (error) => settle(() => reject(error)),
      };
      const abandon = (): void => {
        // A job that runs is told by its signal and fails by itself.
        if (this.#waiting.remove(waiting)) waiting.fail(new Cancelled(job.name));
      };
      job.signal.addEventListener('abort', abandon);
      if (this.#waiting.length === 0) this.#lastContact = Math.max(this.#lastContact, now());
      this.#enqueue(waiting);
    });
  }

  /** Makes a short call that may be repeated on any worker. */
  async ask<T>(call: (peer: Peer) => Promise<T>): Promise<T> {
    const byRest = this.#targets.filter(({ isGone }) => !isGone).sort((a, b) => a.restingUntil - b.restingUntil);
    let failure: unknown = new Unavailable(this.options.name, 'none is configured');
    for (const target of byRest) {
      try {
        return await call(target.peer);
      } catch (error) {
        failure = error;
        if (!(error instanceof Unavailable)) throw error;
      }
    }
    throw failure;
  }

  async #try<T>(job: Job<T>, waiting: Waiting, target: Target, resolve: (value: T) => void): Promise<void> {
    target.busy += 1;
    try {
      const value = await job.call(target.peer, waiting.attempt);
      this.#lastContact = now();
      target.failures = 0;
      resolve(value);
    } catch (error) {
      this.#afterFailure(job, waiting, target, error);
    } finally {
      target.busy -= 1;
      this.#waiting.ended(waiting);
      this.#waiting.prune();
      this.#dropGone();
      this.#pump();
    }
  }

  #afterFailure(job: Job<unknown>, waiting: Waiting, target: Target, error: unknown): void {
    if (job.signal.aborted) return waiting.fail(new Cancelled(job.name, { cause: error }));
    const verdict = judge(error);
    const reason = error instanceof Error ? error.message : String(error);
    if (verdict.kind !== 'unreachable') this.#lastContact = now();
    switch (verdict.kind) {
      case 'busy':
        target.restingUntil = now() + verdict.pauseMs;
        return this.#enqueue(waiting);
      case 'leaving':
      case 'unreachable':
        this.#rest(target);
        this.options.logger.debug({ target: target.address, reason }, `${this.options.name}: no answer`);
        waiting.avoid = target;
        return this.#enqueue(waiting);
      case 'lost':
      case 'broken': {
        waiting.spent += verdict.kind === 'lost' ? 1 : Math.ceil(this.options.maxAttempts / 2);
        if (waiting.spent >= this.options.maxAttempts) return waiting.fail(error as Error);
        this.#rest(target);
        waiting.attempt += 1;
        waiting.avoid = target;
        this.options.logger.warn({ target: target.address, job: job.name, attempt: waiting.attempt, reason }, 'trying a job again');
        job.onRetry?.(reason);
        return this.#enqueue(waiting);
      }
      case 'final':
        return waiting.fail(error as Error);
    }
  }

  /** Leaves a target alone for a while, longer each time. */
  #rest(target: Target): void {
    target.failures += 1;
    const pause = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (target.failures - 1)) * (0.5 + Math.random());
    target.restingUntil = now() + pause;
  }

  #enqueue(waiting: Waiting): void {
    this.#waiting.add(waiting);
    queueMicrotask(() => this.#pump());
  }

  /** Starts what can be started and sets the clock for the rest. */
  #pump(): void {
    clearTimeout(this.#timer);
    this.#giveUpOnUnreachable();
    for (let waiting = this.#next(); waiting; waiting = this.#next()) {
      const target = this.#freeTarget(waiting.avoid);
      if (!target) break;
      this.#waiting.start(waiting);
      waiting.start(target);
    }
    if (this.#waiting.length === 0) return;
    const rests = this.#targets.map((target) => target.restingUntil - now()).filter((rest) => rest > 0);
    if (rests.length > 0) this.#timer = setTimeout(() => this.#pump(), Math.max(1, Math.min(...rests)));
  }

  /** The job whose turn it is, while any worker is free: looking for it costs more than looking for a worker. */
  #next(): Waiting | undefined {
    return this.#freeTarget(undefined) && this.#waiting.peek();
  }

  #giveUpOnUnreachable(): void {
    if (this.running > 0 || now() - this.#lastContact < this.options.unreachableMs) return;
    if (!this.#targets.every((target) => target.failures > 0)) return;
    const addresses = this.#targets.map((target) => target.address).join(', ');
    const error = new Unavailable(
      this.options.name,
      `none of ${addresses} answered for ${Math.round(this.options.unreachableMs / 1000)} s; start them, then resume the run`,
    );
    for (const waiting of this.#waiting.takeAll()) waiting.fail(error);
  }

  #freeTarget(avoid: Target | undefined): Target | undefined {
    const { jobsPerWorker } = this.options;
    const load = (target: Target): number => target.busy / jobsPerWorker + (target === avoid ? 1 : 0);
    return this.#targets
      .filter((target) => !target.isGone && target.restingUntil <= now() && target.busy < jobsPerWorker)
      .sort((a, b) => load(a) - load(b))[0];
  }

  /**
   * Makes each address behind a name a worker of its own: new replicas get work within seconds, and a job that was lost on one of
   * them is tried on another. A name that cannot be looked up keeps the workers it had.
   */
  async #lookUp(): Promise<void> {
    for (const name of this.options.targets) {
      const { host, port } = endpointOf(name);
      const found = await addressesOf(host);
      if (this.#isClosed) return;
      if (found.length === 0 || (found.length === 1 && found[0] === host)) continue;
      const addresses = found.map((address) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`));
      const known = this.#targets.filter((target) => target.name === name);
      for (const target of known) target.isGone = !addresses.includes(target.address);
      const added = addresses.filter((address) => !known.some((target) => target.address === address));
      this.#targets.push(...added.map((address) => this.#target(name, address)));
      if (added.length > 0) this.options.logger.info({ name, addresses }, `${this.options.name} found`);
    }
    this.#dropGone();
    this.#pump();
  }

  #dropGone(): void {
    for (const target of this.#targets) if (target.isGone && target.busy === 0) target.peer.close();
    this.#targets = this.#targets.filter(({ isGone, busy }) => !isGone || busy > 0);
  }

  /** @throws never; closes the connections. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#lookups);
    clearTimeout(this.#timer);
    for (const target of this.#targets) target.peer.close();
  }
}
