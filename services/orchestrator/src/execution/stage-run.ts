import type { ComputeSpec, NetworkInfo, Progress, Run, StageResult, WatchRunResponse } from '@rift/contracts';
import { Cancelled, type Logger } from '@rift/service-kit';
import type { RunInputs } from '../database/schema.js';
import type { Claim, ExecutionStore } from '../runs/execution-store.js';
import type { StageContext, UnitResults } from './stage-context.js';
import type { PartialResult } from './partial-result.js';
import { StageProgress } from './stage-progress.js';
import type { UnitCounts } from './stage-story.js';
import type { KeyScope, Unit } from './unit.js';
import type { UnitResult, UnitRunner } from './unit-runner.js';

/** What the stages of one execution of a run share. */
export interface RunScope {
  readonly claim: Claim;
  readonly inputs: RunInputs;
  readonly networkOfRun: string;
  readonly compute: ComputeSpec;
  readonly keys: KeyScope;
  readonly priority: number;
  /** Fires when the run is cancelled, lost or another of its stages failed. */
  readonly stop: AbortController;
}

/** What a stage needs from the orchestrator. */
export interface StageTools {
  readonly store: ExecutionStore;
  readonly units: UnitRunner;
  readonly networkInfo: (digest: string) => Promise<NetworkInfo>;
  readonly readRun: (runId: string) => Promise<Run>;
  readonly resultOf: (runId: string, stageId: string) => Promise<StageResult>;
  readonly readLog: (runId: string) => Promise<WatchRunResponse[]>;
  readonly logger: Logger;
}

/** One stage while it is executed: its units, its progress, its share of the run's log. */
export class StageRun implements StageContext {
  readonly runId: string;
  readonly compute: ComputeSpec;
  readonly inputs: RunInputs;
  readonly networkOfRun: string;
  readonly signal: AbortSignal;
  readonly #since = performance.now();
  #progress: StageProgress | undefined;
  #computed = 0;
  #known = 0;
  #retries = 0;

  /** @param secondsBefore seconds spent on the stage by earlier executions. */
  constructor(
    readonly stageId: string,
    private readonly scope: RunScope,
    private readonly tools: StageTools,
    private readonly secondsBefore: number,
  ) {
    this.runId = scope.claim.runId;
    this.compute = scope.compute;
    this.inputs = scope.inputs;
    this.networkOfRun = scope.networkOfRun;
    this.signal = scope.stop.signal;
  }

  /** Seconds spent on the stage by all executions together. */
  get seconds(): number {
    return this.secondsBefore + (performance.now() - this.#since) / 1000;
  }

  resultOf(stageId: string): Promise<StageResult> {
    return this.tools.resultOf(this.runId, stageId);
  }

  /** How the units of this execution came about so far. */
  get counts(): UnitCounts {
    return { computed: this.#computed, known: this.#known, retries: this.#retries };
  }

  run(): Promise<Run> {
    return this.tools.readRun(this.runId);
  }

  networkInfo(digest: string): Promise<NetworkInfo> {
    return this.tools.networkInfo(digest);
  }

  logged(): Promise<WatchRunResponse[]> {
    return this.tools.readLog(this.runId);
  }

  async log(line: string): Promise<void> {
    await this.tools.store.log(this.scope.claim, `${this.stageId}: ${line}`);
  }

  async units<R>(unit: string | undefined, units: readonly Unit<R>[], partial?: PartialResult<R>): Promise<UnitResults<R>> {
    const weights = units.map((one) => one.weight);
    const progress = unit === undefined ? undefined : new StageProgress(unit, weights, (state) => this.#report(state, partial?.current()));
    this.#progress = progress ?? this.#progress;
    const firstPlace = this.tools.units.placesFor(units.length);
    const failed = new AbortController();
    const signal = AbortSignal.any([this.signal, failed.signal]);
    const results = await Promise.allSettled(
      units.map(async (one, index) => {
        try {
          const result = await this.#unit(one, { place: firstPlace + index, signal }, (state) => {
            partial?.observe?.(index, state);
            progress?.update(index, state);
          });
          if (result.known) this.#known += 1;
          else this.#computed += 1;
          partial?.take?.(index, result.value);
          progress?.finish(index, result.known);
          return result;
        } catch (error) {
          failed.abort();
          throw error;
        }
      }),
    );
    const done = results.filter((result) => result.status === 'fulfilled').map((result) => result.value);
    if (done.length < units.length) throw firstCause(results);
    return { values: done.map((result) => result.value), cached: done.every((result) => result.known && result.runId !== this.runId) };
  }

  /** The progress as it stands at the end of the stage; nothing is written after it. */
  async close(): Promise<Progress | undefined> {
    await this.#progress?.close();
    return this.#progress?.current();
  }

  #unit<R>(
    unit: Unit<R>,
    { place, signal }: { place: number; signal: AbortSignal },
    onProgress: (progress: Progress) => void,
  ): Promise<UnitResult<R>> {
    return this.tools.units.run(unit, {
      runId: this.runId,
      stageId: this.stageId,
      priority: this.scope.priority,
      place,
      scope: this.scope.keys,
      signal,
      onProgress,
      onRetry: (reason) => {
        this.#retries += 1;
        this.log(`${unit.label}: trying again (${reason})`).catch((error: unknown) => this.#writeFailed(error));
      },
    });
  }

  /** Progress is for show: a write that fails matters only when it tells that the run is lost. */
  async #report(progress: Progress, partial: StageResult | undefined): Promise<void> {
    await this.tools.store
      .reportProgress(this.scope.claim, this.stageId, progress, partial, this.seconds)
      .catch((error: unknown) => this.#writeFailed(error));
  }

  #writeFailed(error: unknown): void {
    if (error instanceof Error && error.name === 'Superseded') this.scope.stop.abort();
    else this.tools.logger.warn({ err: error, runId: this.runId, stage: this.stageId }, 'progress could not be written');
  }
}

/** The error that made the others stop: the first that is no cancellation. */
function firstCause(results: readonly PromiseSettledResult<unknown>[]): unknown {
  const errors = results.filter((result) => result.status === 'rejected').map((result) => result.reason as unknown);
  return errors.find((error) => !(error instanceof Cancelled)) ?? errors[0];
}
