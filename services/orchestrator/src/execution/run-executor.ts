import type { Stage, StageResult } from '@rift/contracts';
import { DEFAULT_COMPUTE } from '@rift/validation';
import { Internal, inSpan, newTraceId, withContext } from '@rift/service-kit';
import { isDatabaseAway } from '../database/database.js';
import { planCodec, settingsCodec, stageResultCodec } from '../messages/codec.js';
import { orderStages } from '../plan/order.js';
import { Superseded } from '../runs/execution-store.js';
import type { RunRecord } from '../runs/run-record.js';
import { failureOf } from './failure.js';
import type { StageContext, StageOutcome } from './stage-context.js';
import { StageRun, type RunScope, type StageTools } from './stage-run.js';
import { beginLine, endLine, failureLine, stopLine } from './stage-story.js';

/** Runs a piece of a run so that its outcome is recorded once and returned again when the run is replayed. */
export type Step = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/** Executes one kind of stage. */
export type StageExecutor = (context: StageContext, stage: Stage) => Promise<StageOutcome>;

/** How a stage ended. "stopped": not executed or given up because of another stage or a cancellation. */
type StageEnd = 'succeeded' | 'failed' | 'stopped';

/** How runs are executed. */
export interface RunExecutorOptions extends Omit<StageTools, 'resultOf'> {
  readonly executorId: string;
  readonly engineVersion: string;
  readonly executeStage: StageExecutor;
  readonly metrics?: {
    runEnded(state: 'SUCCEEDED' | 'FAILED' | 'STOPPED'): void;
    stageEnded(kind: string, end: 'succeeded' | 'cached' | 'failed' | 'stopped', seconds: number): void;
  };
}

/**
 * Executes runs: the stages of a plan as soon as what they need is there, side by side where they do not depend on each other. What is
 * finished is in the database; everything here may vanish at any moment and be begun again.
 */
export class RunExecutor {
  readonly #active = new Map<string, Set<RunScope>>();
  readonly #tools: StageTools;
  #closing = false;

  constructor(private readonly options: RunExecutorOptions) {
    this.#tools = { ...options, resultOf: (runId, stageId) => this.#resultOf(runId, stageId) };
  }

  /** Identifiers of the runs that are being executed here. */
  get active(): readonly string[] {
    return [...this.#active.keys()];
  }

  /**
   * Executes one start of a run to its end. A start that is over or belongs to somebody else is left alone.
   *
   * @param attempt number of the start.
   * @param step records the end of each stage; called in the same order at every replay.
   */
  async execute(runId: string, attempt: number, step: Step): Promise<void> {
    const taken = await this.options.store.claim(runId, attempt, this.options.executorId);
    if (!taken) return;
    const scope = this.#scopeOf(taken.record, taken.claim.fence);
    this.#enter(runId, scope);
    try {
      await this.#tellOfVersions(scope);
      const attributes = { 'rift.run_id': runId, 'rift.attempt': attempt };
      await withContext({ traceId: newTraceId(), runId }, () => inSpan('run', attributes, () => this.#stages(scope, taken.record, step)));
    } catch (error) {
      if (this.#closing) return await never();
      if (error instanceof Superseded) {
        this.options.metrics?.runEnded('STOPPED');
        return;
      }
      // The start breaks off and the run stays as it is; the supervisor gives it another start.
      if (isDatabaseAway(error)) throw error;
      this.options.logger.error({ err: error, runId }, 'a run could not be executed');
      this.options.metrics?.runEnded('FAILED');
      await this.options.store.failRun(scope.claim, failureOf(error));
    } finally {
      this.#leave(runId, scope);
    }
  }

  /** Finished stages keep what another version found: whoever reads the figures should know. */
  async #tellOfVersions({ claim, inputs }: RunScope): Promise<void> {
    const { store, engineVersion } = this.options;
    if (inputs.engineVersion === undefined || inputs.engineVersion === engineVersion) return;
    await store.log(claim, `begun with engine ${inputs.engineVersion}; what is not finished is computed by engine ${engineVersion}`);
  }

  /** Stops what is being computed for a run; its state is not changed. */
  abort(runId: string): void {
    for (const scope of this.#active.get(runId) ?? []) scope.stop.abort();
  }

  /** Stops executions that have lost the run to another orchestrator or a cancellation there. */
  async checkFence(runId: string): Promise<void> {
    if (!this.#active.has(runId)) return;
    const fence = await this.options.store.fence(runId);
    for (const scope of this.#active.get(runId) ?? []) if (scope.claim.fence !== fence) scope.stop.abort();
  }

  /** Stops all work and lets the runs stand as they are, to be gone on with by the next process. */
  close(): void {
    this.#closing = true;
    for (const runId of this.#active.keys()) this.abort(runId);
  }

  async #stages(scope: RunScope, record: RunRecord, step: Step): Promise<void> {
    const ends = new Map<string, Promise<StageEnd>>();
    // All steps are begun at once and in the plan's order; each waits for those before it, so a replay numbers them alike.
    for (const stage of orderStages(planCodec.decode(record.run.plan).stages)) {
      const before = stage.after.map((id) => ends.get(id) ?? Promise.reject(new Internal(`Stage ${id} is out of order.`)));
      ends.set(
        stage.id,
        step(`stage ${stage.id}`, () => this.#stage(scope, stage, before)),
      );
    }
    const settled = await Promise.allSettled(ends.values());
    const broken = settled.find((end) => end.status === 'rejected');
    if (broken) throw broken.reason;
    await this.#end(scope, await Promise.all(ends.values()));
  }

  async #end(scope: RunScope, ends: readonly StageEnd[]): Promise<void> {
    const { store, readRun } = this.options;
    if (ends.every((end) => end === 'succeeded')) {
      await store.finishRun(scope.claim);
      this.options.metrics?.runEnded('SUCCEEDED');
      return;
    }
    if (!ends.includes('failed')) throw new Superseded(scope.claim.runId);
    const run = await readRun(scope.claim.runId);
    const failed = run.stages.find((stage) => stage.state === 'RUN_STATE_FAILED');
    const { code, message, field } = failed?.failure ?? failureOf(new Internal('A stage failed.'));
    await store.failRun(scope.claim, { code, message: `Stage ${failed?.id ?? ''}: ${message}`, field });
    this.options.metrics?.runEnded('FAILED');
  }

  async #stage(scope: RunScope, stage: Stage, before: readonly Promise<StageEnd>[]): Promise<StageEnd> {
    const { store } = this.options;
    const { claim, stop } = scope;
    if ((await Promise.all(before)).some((end) => end !== 'succeeded')) return 'stopped';
    if (this.#closing) return never();
    const row = await store.stage(claim.runId, stage.id);
    if (row.state === 'SUCCEEDED') return 'succeeded';
    if (stop.signal.aborted) return 'stopped';
    const context = new StageRun(stage.id, scope, this.#tools, row.seconds);
    try {
      await store.startStage(claim, stage.id, beginLine(stage, row));
      const outcome = await inSpan(`stage ${stage.kind ?? ''}`, { 'rift.stage_id': stage.id }, () =>
        this.options.executeStage(context, stage),
      );
      const progress = await context.close();
      const { seconds, counts } = context;
      await store.finishStage(claim, stage.id, { ...outcome, seconds, progress, line: endLine(outcome, seconds, counts) });
      this.options.metrics?.stageEnded(stage.kind ?? '', outcome.cached ? 'cached' : 'succeeded', seconds);
      return 'succeeded';
    } catch (error) {
      await context.close();
      const end = await this.#stageEndedBy(error, scope, context);
      this.options.metrics?.stageEnded(stage.kind ?? '', end, context.seconds);
      return end;
    }
  }

  async #stageEndedBy(error: unknown, { claim, stop }: RunScope, context: StageRun): Promise<StageEnd> {
    const { store, logger } = this.options;
    // Nothing may be recorded of a stage that only ends because the process does.
    if (this.#closing) return never();
    if (error instanceof Superseded) {
      stop.abort();
      return 'stopped';
    }
    if (isDatabaseAway(error)) {
      stop.abort();
      throw error;
    }
    try {
      if (stop.signal.aborted) {
        await store.stopStage(claim, context.stageId, context.seconds, stopLine(context.seconds));
        return 'stopped';
      }
      logger.warn({ err: error, runId: claim.runId, stage: context.stageId }, 'a stage failed');
      stop.abort();
      const failure = failureOf(error);
      await store.failStage(claim, context.stageId, failure, context.seconds, failureLine(failure.message, context.seconds));
      return 'failed';
    } catch (writeError) {
      if (writeError instanceof Superseded) return 'stopped';
      throw writeError;
    }
  }

  #scopeOf({ run }: RunRecord, fence: number): RunScope {
    const settings = settingsCodec.decode(run.settings);
    const compute = settings.compute ?? DEFAULT_COMPUTE;
    return {
      claim: { runId: run.id, fence },
      inputs: run.inputs,
      networkOfRun: settings.network,
      compute,
      keys: { engineVersion: this.options.engineVersion, compute, onlyRun: settings.noCache ? run.id : undefined },
      priority: run.priority,
      stop: new AbortController(),
    };
  }

  async #resultOf(runId: string, stageId: string): Promise<StageResult> {
    const row = await this.options.store.stage(runId, stageId);
    if (row.state !== 'SUCCEEDED' || !row.result) throw new Internal(`Stage ${stageId} has no result yet.`);
    return stageResultCodec.decode(row.result);
  }

  #enter(runId: string, scope: RunScope): void {
    const scopes = this.#active.get(runId) ?? new Set();
    this.#active.set(runId, scopes.add(scope));
    if (this.#closing) scope.stop.abort();
  }

  #leave(runId: string, scope: RunScope): void {
    const scopes = this.#active.get(runId);
    scopes?.delete(scope);
    if (scopes?.size === 0) this.#active.delete(runId);
  }
}

/** A promise for work that the next process will do. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
