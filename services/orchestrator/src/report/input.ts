import type {
  CriticalityResult,
  CriticalitySpec,
  DatasetInfo,
  DataSource,
  EvaluateResult,
  FineTuneResult,
  FineTuneSpec,
  InterpolateResult,
  InterpolateSpec,
  ModuleChoice,
  NetworkInfo,
  Plan,
  RunSettings,
  TrainResult,
  TrainSpec,
} from '@rift/contracts';

/** Everything a report is made of. Values that differ from one machine or moment to the next come from outside. */
export interface ReportInput {
  readonly run: RunRecord;
  /** When the report was made, ISO 8601. */
  readonly generatedAt: string;
  readonly environment: Environment;
  /** What happened until the report was made, oldest first. */
  readonly log: readonly LogRecord[];
  /** Commands that repeat the run, one a line. */
  readonly commands: readonly string[];
  /** Artifacts that the run read or made. */
  readonly artifacts: readonly NamedArtifact[];
  /** The network the run started from; unset when the plan trains its own. */
  readonly network?: Registered<NetworkInfo>;
  readonly dataset?: Registered<DatasetInfo>;
  readonly criticality?: { readonly spec: CriticalitySpec; readonly result: CriticalityResult; readonly images: DataSource | undefined };
  /** The training that made the network, when the run has one. */
  readonly train?: {
    readonly spec: TrainSpec;
    readonly result: TrainResult;
    readonly images: DataSource | undefined;
    readonly selection: DataSource | undefined;
    readonly extra: DataSource | undefined;
  };
  readonly fineTune?: {
    readonly spec: FineTuneSpec;
    readonly result: FineTuneResult;
    readonly selection: DataSource | undefined;
    /** How its modules were chosen by criticality; unset means the least critical one. */
    readonly choice?: ModuleChoice;
  };
  readonly interpolate?: { readonly spec: InterpolateSpec; readonly result: InterpolateResult; readonly images: DataSource | undefined };
  /** Evaluations of the network the run started from. */
  readonly before: readonly Evaluation[];
  /** Evaluations of the network the run ended with. */
  readonly after: readonly Evaluation[];
}

/** One evaluation and the images it read: outcomes are paired only when both read the same. */
export interface Evaluation {
  readonly stage: string;
  readonly images: DataSource;
  /** Seed of its attacks and corruptions. */
  readonly seed: number;
  readonly result: EvaluateResult;
}

/** A run as the report shows it. Times are ISO 8601. */
export interface RunRecord {
  readonly id: string;
  /** Name given by a person; may be empty. */
  readonly name: string;
  readonly createdAt?: string;
  readonly startedAt?: string;
  readonly settings: RunSettings;
  readonly plan: Plan;
  readonly stages: readonly StageRecord[];
}

/** How one stage went. */
export interface StageRecord {
  readonly id: string;
  readonly kind: string;
  /** Seconds of all attempts together. */
  readonly seconds: number;
  /** Whether its result was known from an earlier run. */
  readonly cached: boolean;
  /** Key figures of its result, by their names in words; accuracies are fractions. */
  readonly figures: Readonly<Record<string, number | string>>;
}

/** A line of a run's log. */
export interface LogRecord {
  /** ISO 8601. */
  readonly at: string;
  /** The stage that it tells of, where it tells of one, comes first: "craft: done in 8.1 s". */
  readonly line: string;
}

/** What computed the run, as names and values in the order of display. */
export interface Environment {
  /** Versions of this product, the engine, libtorch, Node.js. */
  readonly versions: Readonly<Record<string, string>>;
  /** Processor, memory, operating system. */
  readonly machine: Readonly<Record<string, string>>;
  /** Device, precision and threads that were chosen. */
  readonly engine: Readonly<Record<string, string>>;
}

/** An artifact with the words that say what it is. */
export interface NamedArtifact {
  readonly what: string;
  /** SHA-256, lower-case hexadecimal. */
  readonly digest: string;
}

/** A catalog entry; the name is empty when it was found by digest. */
export interface Registered<Info> {
  readonly name: string;
  readonly info: Info;
}
