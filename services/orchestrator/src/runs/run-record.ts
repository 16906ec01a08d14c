import type { Run, RunState, StageStatus } from '@rift/contracts';
import type { Selectable } from 'kysely';
import type { RunTable, StageTable, StoredState } from '../database/schema.js';
import { failureCodec, planCodec, progressCodec, settingsCodec, stageResultCodec } from '../messages/codec.js';
import { timestampOf } from '../messages/timestamp.js';

/** A run as it lies in the database. */
export type RunRow = Selectable<RunTable>;
/** A stage as it lies in the database. */
export type StageRow = Selectable<StageTable>;

/** A run with its stages, in the order of the plan. */
export interface RunRecord {
  readonly run: RunRow;
  readonly stages: readonly StageRow[];
}

/** The contract's name of a state. */
export function stateOf(state: StoredState): RunState {
  return `RUN_STATE_${state}`;
}

/** The state as stored; undefined for none in particular. */
export function storedState(state: RunState): StoredState | undefined {
  return state === 'RUN_STATE_UNSPECIFIED' ? undefined : (state.slice('RUN_STATE_'.length) as StoredState);
}

/** Whether a run in the state will not change by itself any more. */
export function hasEnded(state: StoredState): boolean {
  return state !== 'QUEUED' && state !== 'RUNNING';
}

/** The message of a run. */
export function runMessage({ run, stages }: RunRecord): Run {
  return {
    id: run.id,
    name: run.name,
    state: stateOf(run.state),
    settings: settingsCodec.decode(run.settings),
    plan: planCodec.decode(run.plan),
    stages: stages.map(stageMessage),
    failure: run.failure && failureCodec.decode(run.failure),
    createdAt: timestampOf(run.created_at),
    startedAt: timestampOf(run.started_at),
    endedAt: timestampOf(run.ended_at),
    lastSequence: run.last_sequence,
  };
}

/** The message of a stage. */
export function stageMessage(stage: StageRow): StageStatus {
  return {
    id: stage.id,
    state: stateOf(stage.state),
    progress: stage.progress && progressCodec.decode(stage.progress),
    result: stage.result && stageResultCodec.decode(stage.result),
    failure: stage.failure && failureCodec.decode(stage.failure),
    cached: stage.cached,
    seconds: stage.seconds,
    partialResult: stage.partial && stageResultCodec.decode(stage.partial),
  };
}
