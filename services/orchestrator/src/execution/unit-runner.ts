import { Cancelled, currentContext, inSpan, newTraceId, withContext, type Logger } from '@rift/service-kit';
import type { ResultStore } from '../runs/result-store.js';
import type { WorkerPool } from '../workers/worker-pool.js';
import { workKeyOf, type KeyScope, type Unit, type UnitCall, type WorkerKind } from './unit.js';

/** Tells whether an artifact is there. */
export interface ArtifactPresence {
  has(digest: string): Promise<boolean>;
}

/** Who a unit is computed for. */
export interface UnitOwner {
  readonly runId: string;
  readonly stageId: string;
  readonly priority: number;
  /** Place among the units that wait, from placesFor(). */
  readonly place: number;
  readonly scope: KeyScope;
  readonly signal: AbortSignal;
  readonly onProgress: UnitCall['onProgress'];
  /** Told when the unit is tried again. */
  readonly onRetry: (reason: string) => void;
}

/** A unit's result. */
export interface UnitResult<R> {
  readonly value: R;
  /** Whether it was known before. */
  readonly known: boolean;
  /** Run that computed it. */
  readonly runId: string;
}

/** How units are computed. */
export interface UnitRunnerOptions {
  readonly pools: Readonly<Record<WorkerKind, WorkerPool>>;
  readonly results: ResultStore;
  readonly artifacts: ArtifactPresence;
  /** A worker that is silent for so long is given up, in milliseconds. */
  readonly silenceMs: number;
  readonly logger: Logger;
}

/**
 * Computes units of work, each at most once: a result that is known is taken, one that is being computed for somebody else is waited
 * for, and a new one is kept before anything is made of it.
 */
export class UnitRunner {
  readonly #running = new Map<string, Promise<unknown>>();
  #places = 0;

  constructor(private readonly options: UnitRunnerOptions) {}

  /** Keeps places in the queue for units that come together, so that they are computed in their order. @returns the first */
  placesFor(count: number): number {
    this.#places += count;
    return this.#places - count;
  }

  /** @throws Cancelled when the owner's signal fires; the worker's error when it fails for good. */
  async run<R>(unit: Unit<R>, owner: UnitOwner): Promise<UnitResult<R>> {
    const workKey = workKeyOf(unit, owner.scope);
    for (;;) {
      const running = this.#running.get(workKey);
      if (!running) break;
      await settledOrAborted(running, owner.signal, unit.label);
    }
    const work = this.#findOrCompute(unit, workKey, owner);
    this.#running.set(workKey, work);
    try {
      return await work;
    } finally {
      this.#running.delete(workKey);
    }
  }

  async #findOrCompute<R>(unit: Unit<R>, workKey: string, owner: UnitOwner): Promise<UnitResult<R>> {
    const { results } = this.options;
    const found = await results.find(workKey);
    if (found) {
      if (await this.#allThere(found.artifacts)) return { value: unit.codec.decode(found.result), known: true, runId: found.runId };
      this.options.logger.info({ workKey, kind: unit.kind }, 'a known result lost its artifacts; computing it again');
      await results.forget(workKey);
    }
    const since = performance.now();
    const value = await this.#compute(unit, workKey, owner);
    await results.keep({
      workKey,
      kind: unit.kind,
      runId: owner.runId,
      stageId: owner.stageId,
      artifacts: unit.artifactsOf(value),
      result: unit.codec.encode(value),
      seconds: (performance.now() - since) / 1000,
    });
    return { value, known: false, runId: owner.runId };
  }

  #compute<R>(unit: Unit<R>, workKey: string, owner: UnitOwner): Promise<R> {
    const { pools, silenceMs } = this.options;
    const { runId, stageId, signal, priority, place, onProgress, onRetry } = owner;
    const { traceId = newTraceId(), spanId } = currentContext() ?? {};
    const context = { traceId, runId, ...(spanId === undefined ? {} : { spanId }) };
    return pools[unit.workers].run({
      name: `${runId}/${stageId}: ${unit.label}`,
      priority,
      owner: runId,
      order: place,
      signal,
      onRetry,
      call: (peer, attempt) =>
        withContext(context, () =>
          inSpan(
            `unit ${unit.kind}`,
            { 'rift.unit': unit.label, 'rift.attempt': attempt, 'server.address': peer.target },
            () => unit.call(peer, { context: { runId, stageId, workKey, attempt }, signal, silenceMs, onProgress }),
            'client',
          ),
        ),
    });
  }

  async #allThere(digests: readonly string[]): Promise<boolean> {
    const found = await Promise.all(digests.map((digest) => this.options.artifacts.has(digest)));
    return found.every(Boolean);
  }
}

/** Waits for somebody else's computation, however it ends, unless the owner gives up first. */
async function settledOrAborted(work: Promise<unknown>, signal: AbortSignal, label: string): Promise<void> {
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new Cancelled(label));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  try {
    await Promise.race([work.catch(() => undefined), aborted]);
  } finally {
    if (abort) signal.removeEventListener('abort', abort);
  }
}
