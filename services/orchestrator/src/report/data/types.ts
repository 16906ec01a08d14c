import type { Environment, LogRecord, NamedArtifact, StageRecord } from '../input.js';

/** Ends of a 95 % interval. */
export type Ends = readonly [low: number, high: number];

/** An accuracy with its interval; fractions in [0, 1]. */
export interface AccuracyData {
  readonly accuracy: number;
  readonly ci95: Ends;
  readonly correct: number;
  readonly total: number;
}

/** Change of an accuracy over the same images; fractions. */
export interface ChangeData {
  readonly difference: number;
  readonly standardError: number;
  /** Paired normal interval. */
  readonly ci95: Ends;
  /** Percentile bootstrap over images; null where it was not drawn. */
  readonly bootstrap95: Ends | null;
  /** Images right before and wrong after; null for a mean over corruptions. */
  readonly lost: number | null;
  /** Images wrong before and right after; null for a mean over corruptions. */
  readonly gained: number | null;
  /** Exact McNemar p; null for a mean over corruptions. */
  readonly mcnemarP: number | null;
  /** McNemar p below 0.05; for a mean over corruptions, whether the interval leaves 0 out. */
  readonly significant: boolean;
  /** One-sided 95 % lower bound of the change. */
  readonly lowerBound95: number;
  /** Smallest loss that the data rule out. */
  readonly supportedMargin: number;
  readonly images: number;
}

/** Mean accuracy over corruptions and severities. */
export interface OodData extends AccuracyData {
  /** Images that were corrupted; total counts their copies. */
  readonly images: number;
  readonly corruptions: readonly string[];
  readonly severities: readonly number[];
}

/** One attack's result with all its settings. */
export interface AttackData extends AccuracyData {
  /** For people: "PGD-10, 3 restarts". */
  readonly name: string;
  readonly kind: string;
  readonly norm: string;
  readonly epsilon: number;
  readonly stepSize: number;
  readonly steps: number;
  readonly restarts: number;
  readonly randomStart: boolean;
  readonly targets: number;
  readonly toTheEnd: boolean;
  readonly seed: number;
  readonly images: string;
  readonly meanLoss: number | null;
  readonly maxPerturbation: number | null;
  readonly minPixel: number | null;
  readonly maxPixel: number | null;
  readonly nanCount: number | null;
  readonly imagesChanged: number | null;
  readonly imagesPerSecond: number | null;
  readonly stages: readonly { readonly name: string; readonly robust: number; readonly seconds: number }[];
  readonly flags: readonly string[];
}

/** What a check of the diagnostics, or all of them, say. */
export type DiagnosticWord = 'pass' | 'warn' | 'fail';

/** Whether the adversarial accuracies of a network can be believed. */
export interface DiagnosticsData {
  readonly verdict: DiagnosticWord;
  /** Images looked at, all classified right as they are. */
  readonly images: number;
  readonly checks: readonly {
    readonly name: string;
    readonly verdict: DiagnosticWord;
    readonly value: number | null;
    readonly limit: number | null;
    readonly finding: string;
  }[];
  readonly ladder: readonly ({ readonly name: string; readonly epsilon: number } & AccuracyData)[];
}

/** All accuracies of one network. */
export interface EvaluationData {
  readonly standard: AccuracyData | null;
  /** Per-image worst case over the attacks of the main threat model. */
  readonly adversarial: (AccuracyData & { readonly attack: string }) | null;
  readonly ood: OodData | null;
  readonly attacks: readonly AttackData[];
  /** Accuracy at severities 1 to 5 by corruption; null where not measured. */
  readonly corruptions: Readonly<Record<string, readonly (number | null)[]>>;
  /** Mean over RiFT's published eighteen corruptions; null unless all of them were measured. */
  readonly published18: number | null;
  readonly diagnostics: DiagnosticsData | null;
  /** What a reader must know of how it was measured, one sentence each. */
  readonly notes: readonly string[];
}

/** What the statistics say, in fixed words. */
export type Finding = 'gained' | 'lost' | 'no-significant-change' | 'not-measured';

export interface Conclusion {
  readonly standard: Finding;
  readonly adversarial: Finding;
  readonly ood: Finding;
  /** Whether adversarial accuracy is non-inferior at the margin; null when it was not compared. */
  readonly robustnessKept: boolean | null;
  /** Margin of that test, a fraction. */
  readonly margin: number;
  /** Smallest loss of adversarial accuracy that the data rule out. */
  readonly supportedMargin: number | null;
}

export interface CriticalityModuleData {
  readonly name: string;
  readonly mrc: number | null;
  readonly robustAccuracyDrop: number | null;
  readonly perturbationRatio: number | null;
  readonly firstOrder: number | null;
  readonly standardError: number | null;
  readonly seconds: number;
  readonly nanEpochs: number;
  readonly chosen: boolean;
  /** Whether it lies within the tie band of the last module chosen: of images, or of the seeds. */
  readonly tied: boolean;
}

export interface CriticalityData {
  readonly baseLoss: number | null;
  readonly baseAccuracy: number | null;
  readonly weightEpsilon: number;
  readonly ascent: string;
  readonly images: string | null;
  readonly reason: string;
  readonly modules: readonly CriticalityModuleData[];
  /** How far several seeds agree; null with one. */
  readonly stability: {
    readonly seeds: number;
    readonly spearman: number | null;
    readonly leastAgreement: number | null;
    readonly largestSpread: number | null;
  } | null;
  /** Modules that first-order estimates left unmeasured. */
  readonly pruned: number;
  /** The set grown by joint criticality, step by step. */
  readonly greedy: readonly { readonly added: string; readonly mrc: number | null; readonly tried: number }[];
}

export interface EpochData {
  readonly epoch: number;
  readonly learningRate: number;
  readonly loss: number | null;
  readonly accuracy: number | null;
  readonly selectionStandard: number | null;
  readonly selectionAdversarial: number | null;
  readonly seconds: number;
}

/** Learning curves, and the epoch whose weights were kept. */
export interface EpochsData {
  readonly chosenEpoch: number;
  readonly epochs: readonly EpochData[];
}

export interface TrainingData extends EpochsData {
  readonly method: string;
  /** Attack and threat model; null for training on clean images. */
  readonly attack: string | null;
  readonly batchNorm: string;
  readonly images: string | null;
  readonly selection: string | null;
  /** Generated images and their share. */
  readonly extra: string | null;
  readonly plannedEpochs: number;
  /** Why it ended before its last epoch; null when it did not. */
  readonly ended: string | null;
}

export interface FineTuneData extends EpochsData {
  readonly scope: string;
  readonly batchNorm: string;
  /** Learning rates tried on the selection images before; empty without a sweep. */
  readonly sweep: readonly { readonly learningRate: number; readonly selectionStandard: number | null }[];
  readonly relativeChange: Readonly<Record<string, number | null>>;
}

export interface PathPointData {
  readonly alpha: number;
  readonly standard: AccuracyData;
  readonly adversarial: AccuracyData;
  /** Against the point at alpha 0; null where outcomes cannot be paired. */
  readonly standardChange: ChangeData | null;
  readonly adversarialChange: ChangeData | null;
  /** Whether the rule allows it. */
  readonly allowed: boolean;
  readonly chosen: boolean;
}

export interface PathData {
  readonly rule: string;
  readonly margin: number;
  readonly attack: string;
  readonly images: string | null;
  readonly chosenAlpha: number;
  readonly reason: string;
  readonly points: readonly PathPointData[];
}

export interface CorruptionRowData {
  readonly name: string;
  /** Whether it is one of the standard fifteen. */
  readonly standard: boolean;
  readonly severities: readonly {
    readonly severity: number;
    readonly before: AccuracyData | null;
    readonly after: AccuracyData | null;
    readonly change: ChangeData | null;
  }[];
  readonly before: number | null;
  readonly after: number | null;
  readonly change: ChangeData | null;
}

export interface ClassData {
  readonly label: number;
  readonly name: string;
  readonly before: AccuracyData;
  readonly after: AccuracyData;
  /** After minus before; not tested, since a class has few images. */
  readonly difference: number;
}

export interface ConfusionChangeData {
  readonly label: number;
  readonly predicted: number;
  readonly before: number;
  readonly after: number;
}

export interface ClassesData {
  readonly classes: readonly ClassData[];
  /** Pairs of classes whose confusion changed most. */
  readonly confusions: readonly ConfusionChangeData[];
}

/** One attack before and after. */
export interface AttackChangeData {
  readonly name: string;
  readonly before: AccuracyData;
  readonly after: AccuracyData;
  /** Null where the outcomes cannot be paired. */
  readonly change: ChangeData | null;
}

/** The report as data. Field names are stable; `rift run --json` prints them. */
export interface ReportData {
  readonly schema: 'rift.report/1';
  readonly runId: string;
  readonly name: string;
  readonly verdict: string;
  readonly conclusion: Conclusion;
  /** What a reader must know before believing the figures, one sentence each. */
  readonly cautions: readonly string[];
  /** Module that was fine-tuned; null when it was not one module. */
  readonly module: string | null;
  readonly modules: readonly string[];
  readonly alpha: number | null;
  readonly before: EvaluationData;
  readonly after: EvaluationData;
  readonly change: {
    readonly standard: ChangeData | null;
    readonly adversarial: ChangeData | null;
    readonly ood: ChangeData | null;
    readonly attacks: readonly AttackChangeData[];
    /** Mean corruption error of the network after against the one before; below 1 is better. */
    readonly meanCorruptionError: number | null;
  };
  readonly criticality: CriticalityData | null;
  readonly training: TrainingData | null;
  readonly fineTune: FineTuneData | null;
  readonly interpolate: PathData | null;
  readonly corruptions: readonly CorruptionRowData[];
  readonly classes: ClassesData | null;
  readonly provenance: ProvenanceData;
}

export interface ProvenanceData {
  readonly generatedAt: string;
  readonly createdAt: string | null;
  readonly startedAt: string | null;
  readonly profile: string;
  readonly seed: number;
  readonly network: NetworkData | null;
  readonly dataset: DatasetData | null;
  readonly stages: readonly StageRecord[];
  readonly log: readonly LogRecord[];
  readonly environment: Environment;
  readonly artifacts: readonly NamedArtifact[];
  readonly commands: readonly string[];
  readonly settings: unknown;
  readonly plan: unknown;
}

export interface NetworkData {
  readonly name: string;
  readonly digest: string;
  readonly arch: string;
  readonly width: number;
  readonly classes: number;
  readonly inputSize: number;
  readonly preprocess: string;
  readonly parameters: number;
  readonly parents: readonly string[];
  readonly metrics: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

export interface DatasetData {
  readonly name: string;
  readonly digest: string;
  readonly classes: number;
  readonly imageSize: number;
  readonly splits: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}
