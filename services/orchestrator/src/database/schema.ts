import type { ColumnType, Generated } from 'kysely';

/** State of a run or stage as stored; the contract's names without their prefix. */
export type StoredState = 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

/** What an event tells. Progress events of one stage replace each other, the others stay. */
export type EventKind = 'run' | 'stage' | 'progress' | 'log';

/** A time the database sets unless one is given. */
type CreatedAt = ColumnType<Date, Date | undefined, never>;

/** Runs. Columns of type Buffer hold messages of the contracts in protobuf's encoding. */
export interface RunTable {
  id: string;
  request_id: string;
  /** SHA-256 of the request's content, by which a repeated request is told from another one. */
  request_hash: string;
  name: string;
  state: StoredState;
  settings: Buffer;
  plan: Buffer;
  /** Digests that the names in the plan stood for when the run was accepted, and the data set's splits. */
  inputs: ColumnType<RunInputs, string, string>;
  failure: Buffer | null;
  priority: number;
  /** Counts the starts: 1, and one more for each ResumeRun and each take-over from a dead orchestrator. */
  attempt: number;
  /** Token of the execution that may write; every claim, cancellation and resumption makes a new one. */
  fence: Generated<number>;
  /** Orchestrator that executes it. */
  executor: string;
  last_sequence: Generated<number>;
  created_at: CreatedAt;
  started_at: Date | null;
  ended_at: Date | null;
}

/** What the names of a run stood for when it was accepted. */
export interface RunInputs {
  /** Version of the engine that the run began with; unset for runs of versions that did not record it. */
  readonly engineVersion?: string;
  /** Digest by name or digest, as the settings and the plan spell it. */
  readonly networks: Readonly<Record<string, string>>;
  readonly dataset: { readonly digest: string; readonly classes: readonly string[]; readonly splits: Readonly<Record<string, SplitInput>> };
}

/** A split of the run's data set. */
export interface SplitInput {
  readonly digest: string;
  readonly count: number;
}

/** Stages of runs. */
export interface StageTable {
  run_id: string;
  id: string;
  position: number;
  state: StoredState;
  progress: Buffer | null;
  result: Buffer | null;
  /** What is known of the result of a stage that has not succeeded. */
  partial: Buffer | null;
  failure: Buffer | null;
  cached: Generated<boolean>;
  seconds: Generated<number>;
}

/** The event log that WatchRun reads. */
export interface EventTable {
  run_id: string;
  sequence: number;
  kind: EventKind;
  /** Stage of a stage or progress event. */
  stage_id: string | null;
  at: Date;
  payload: Buffer;
  /** Token of the write that logged it; null for those of older versions. */
  write: string | null;
}

/** Results of units of work by the hash of all that determines them. */
export interface ResultTable {
  work_key: string;
  kind: string;
  /** Run that computed it. */
  run_id: string;
  stage_id: string;
  /** Artifacts that the result names; without them it is worthless. */
  artifacts: string[];
  result: Buffer;
  seconds: number;
  created_at: CreatedAt;
  /** When a run last took it. */
  used_at: Generated<Date>;
}

/** Registered networks and data sets. */
export interface EntryTable {
  name: string;
  digest: string;
  info: Buffer;
  created_at: CreatedAt;
}

/** What is in networks that were looked into, by digest. */
export interface NetworkInfoTable {
  digest: string;
  info: Buffer;
}

/** Every table of the orchestrator; DBOS keeps its own in the schema "dbos". */
export interface Schema {
  runs: RunTable;
  stages: StageTable;
  events: EventTable;
  results: ResultTable;
  networks: EntryTable;
  datasets: EntryTable;
  network_infos: NetworkInfoTable;
}
