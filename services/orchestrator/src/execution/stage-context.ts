import type {
  ComputeSpec,
  DataSelection,
  DataSource,
  NetworkInfo,
  NetworkSource,
  Run,
  StageResult,
  WatchRunResponse,
} from '@rift/contracts';
import { Internal } from '@rift/service-kit';
import type { RunInputs } from '../database/schema.js';
import type { PartialResult } from './partial-result.js';
import type { Unit } from './unit.js';

/** Results of a stage's units, in the order of the units. */
export interface UnitResults<R> {
  readonly values: readonly R[];
  /** True when all of them were computed by earlier runs. */
  readonly cached: boolean;
}

/** What a stage's executor sees of its run. */
export interface StageContext {
  readonly runId: string;
  readonly stageId: string;
  readonly compute: ComputeSpec;
  readonly inputs: RunInputs;
  readonly networkOfRun: string;
  readonly signal: AbortSignal;
  /** Result of an earlier stage, by its identifier. */
  resultOf(stageId: string): Promise<StageResult>;
  /** The run as recorded so far, with the results of finished stages. */
  run(): Promise<Run>;
  /** What is in a network. */
  networkInfo(digest: string): Promise<NetworkInfo>;
  /**
   * Computes units side by side; the first that fails stops the others.
   *
   * @param unit what the stage's progress counts; undefined for units that do not show in it.
   * @param partial puts together what is known of the stage's result before its end.
   */
  units<R>(unit: string | undefined, units: readonly Unit<R>[], partial?: PartialResult<R>): Promise<UnitResults<R>>;
  /** Writes a line to the run's log. */
  log(line: string): Promise<void>;
  /** The lines of the run's log so far, oldest first. */
  logged(): Promise<readonly WatchRunResponse[]>;
}

/** What a stage came to. */
export interface StageOutcome {
  readonly result: StageResult;
  /** True when nothing had to be computed for it. */
  readonly cached: boolean;
}

/** The digest that a plan's network stands for. */
export async function networkDigest(context: StageContext, source: NetworkSource | null): Promise<string> {
  if (source?.source === 'stage') {
    const made = await context.resultOf(source.stage ?? '');
    const digest = made.train?.digest ?? made.fineTune?.digest ?? made.interpolate?.digest;
    if (digest === undefined) throw new Internal(`Stage ${source.stage ?? ''} made no network.`);
    return digest;
  }
  const name = source?.network === undefined || source.network === '' ? context.networkOfRun : source.network;
  const digest = context.inputs.networks[name];
  if (digest === undefined) throw new Internal(`Network ${name} was not resolved when the run was accepted.`);
  return digest;
}

/** The images that a plan's data source stands for, with their number. */
export function selectionOf(context: StageContext, source: DataSource): DataSelection {
  const split = context.inputs.dataset.splits[source.split];
  if (!split) throw new Internal(`Split ${source.split} was not resolved when the run was accepted.`);
  const limit = source.limit === 0 ? split.count - source.offset : source.limit;
  return { splitDigest: split.digest, offset: source.offset, limit };
}

/** The same of images that a stage may do without. */
export function optionalSelection(context: StageContext, source: DataSource | null): DataSelection | null {
  return source ? selectionOf(context, source) : null;
}

/** A part of a stage that validation has made sure of. */
export function required<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Internal(`The plan was accepted without ${what}.`);
  return value;
}
