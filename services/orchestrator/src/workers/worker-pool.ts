import { lookup } from 'node:dns/promises';
import { Cancelled, Peer, Unavailable, type Logger, type PeerOptions } from '@rift/service-kit';
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
  readonly logger: Logger;
}

/** A piece of work for one worker. */
export interface Job<T> {
  /** For messages. */
  readonly name: string;
  /** Higher goes first. */
  readonly priority: number;
  /** Among jobs of equal priority, the lowest goes first. */
  readonly order: number;
  /** Ends the waiting and the call. */
  readonly signal: AbortSignal;
  /** Does the work on a worker. @param attempt counts the tries from 1; tries that met a busy worker do not count */
  readonly call: (peer: Peer, attempt: number) => Promise<T>;
  /** Told when a counted try failed and another one follows. */
  readonly onRetry?: (reason: string) => void;
}

interface Target {
  readonly address: string;
  readonly peer: Peer;
  /** Addresses behind the name when it was last looked up. */
  replicas: number;
  busy: number;
  failures: number;
  /** No call before this time. */
  restingUntil: number;
}

interface Waiting {
  readonly priority: number;
  readonly order: number;
  attempt: number;
  /** Sum of what the failed tries count. */
  spent: number;
  /** Target of the last failure, to be avoided. */
  avoid: Target | undefined;
  readonly start: (target: Target) => void;
  readonly fail: (error: Error) => void;
}

const LOOKUP_INTERVAL_MS = 15_000;
const FIRST_REST_MS = 200;
const LONGEST_REST_MS = 5_000;

/**
 * Hands jobs to workers, as many at a time as they take, by priority and age. Busy workers are asked again, lost ones are left
 * for others, and a job is tried again where that can help.
 */
export class WorkerPool {
  readonly #targets: Target[];
  readonly #waiting: Waiting[] = [];
  readonly #lookups: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #lastContact = Date.now();

  constructor(private readonly options: PoolOptions) {
    this.#targets = options.targets.map((address) => ({
      address,
      peer: new Peer(address, options),
      replicas: 1,
      busy: 0,
      failures: 0,
      restingUntil: 0,
    }));
    this.#lookups = setInterval(() => void this.#lookUp(), LOOKUP_INTERVAL_MS).unref();
    void this.#lookUp();
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
        order: job.order,
        attempt: 1,
        spent: 0,
        avoid: undefined,
        start: (target) => void this.#try(job, waiting, target, (value) => settle(() => resolve(value))),
        fail: (error) => settle(() => reject(error)),
      };
      const abandon = (): void => {
        const index = this.#waiting.indexOf(waiting);
        if (index >= 0) this.#waiting.splice(index, 1);
        // A job that runs is told by its signal and fails by itself.
        if (index >= 0) waiting.fail(new Cancelled(job.name));
      };
      job.signal.addEventListener('abort', abandon);
      if (this.#waiting.length === 0) this.#lastContact = Math.max(this.#lastContact, Date.now());
      this.#enqueue(waiting);
    });
  }

  /** Makes a short call that may be repeated on any worker. */
  async ask<T>(call: (peer: Peer) => Promise<T>): Promise<T> {
    const byRest = [...this.#targets].sort((a, b) => a.restingUntil - b.restingUntil);
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
      this.#lastContact = Date.now();
      target.failures = 0;
      resolve(value);
    } catch (error) {
      this.#afterFailure(job, waiting, target, error);
    } finally {
      target.busy -= 1;
      this.#pump();
    }
  }

  #afterFailure(job: Job<unknown>, waiting: Waiting, target: Target, error: unknown): void {
    if (job.signal.aborted) return waiting.fail(new Cancelled(job.name, { cause: error }));
    const verdict = judge(error);
    const reason = error instanceof Error ? error.message : String(error);
    if (verdict.kind !== 'unreachable') this.#lastContact = Date.now();
    switch (verdict.kind) {
      case 'busy':
        target.restingUntil = Date.now() + verdict.pauseMs;
        return this.#enqueue(waiting);
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
    target.restingUntil = Date.now() + pause;
  }

  #enqueue(waiting: Waiting): void {
    const before = this.#waiting.findIndex(
      (other) => other.priority < waiting.priority || (other.priority === waiting.priority && other.order > waiting.order),
    );
    if (before < 0) this.#waiting.push(waiting);
    else this.#waiting.splice(before, 0, waiting);
    queueMicrotask(() => this.#pump());
  }

  /** Starts what can be started and sets the clock for the rest. */
  #pump(): void {
    clearTimeout(this.#timer);
    this.#giveUpOnUnreachable();
    for (const waiting of [...this.#waiting]) {
      const target = this.#freeTarget(waiting.avoid);
      if (!target) break;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.start(target);
    }
    if (this.#waiting.length === 0) return;
    const now = Date.now();
    const rests = this.#targets.filter((target) => target.restingUntil > now).map((target) => target.restingUntil - now);
    if (rests.length > 0) this.#timer = setTimeout(() => this.#pump(), Math.max(1, Math.min(...rests)));
  }

  #giveUpOnUnreachable(): void {
    if (this.running > 0 || Date.now() - this.#lastContact < this.options.unreachableMs) return;
    if (!this.#targets.every((target) => target.failures > 0)) return;
    const addresses = this.#targets.map((target) => target.address).join(', ');
    const error = new Unavailable(
      this.options.name,
      `none of ${addresses} answered for ${Math.round(this.options.unreachableMs / 1000)} s; start them, then resume the run`,
    );
    for (const waiting of this.#waiting.splice(0)) waiting.fail(error);
  }

  #freeTarget(avoid: Target | undefined): Target | undefined {
    const now = Date.now();
    const load = (target: Target): number => target.busy / this.#capacity(target) + (target === avoid ? 1 : 0);
    return this.#targets
      .filter((target) => target.restingUntil <= now && target.busy < this.#capacity(target))
      .sort((a, b) => load(a) - load(b))[0];
  }

  #capacity(target: Target): number {
    return target.replicas * this.options.jobsPerWorker;
  }

  /** Counts the addresses behind each name, so that new replicas get work without a restart. */
  async #lookUp(): Promise<void> {
    for (const target of this.#targets) {
      const host = /^(?:dns:\/{2,3})?(?:[^/]*\/)?\[?([^\]]+?)\]?:\d+$/.exec(target.address)?.[1];
      if (host === undefined) continue;
      try {
        target.replicas = Math.max(1, new Set((await lookup(host, { all: true, family: 4 })).map((entry) => entry.address)).size);
      } catch {
        // The name may appear later; one worker is assumed until then.
      }
    }
    this.#pump();
  }

  /** @throws never; closes the connections. */
  close(): void {
    clearInterval(this.#lookups);
    clearTimeout(this.#timer);
    for (const target of this.#targets) target.peer.close();
  }
}
