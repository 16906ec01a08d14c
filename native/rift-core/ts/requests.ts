import type {
  CraftSpec,
  ComputeSpec,
  CorruptResult,
  CorruptSpec,
  CraftResult,
  CriticalityResult,
  CriticalitySpec,
  AttackSpec,
  DatasetFormat,
  EvaluateResult,
  EvaluateSpec,
  ExportFormat,
  FineTuneResult,
  FineTuneSpec,
  NetworkInfo,
  Preprocess,
  TrainResult,
  TrainSpec,
} from '@rift/contracts';

/** A network by its file, or the point `alpha` on the line to a second one. */
export interface NetworkFile {
  path: string;
  blend: { toPath: string; alpha: number } | null;
}

/** Images of a split's file; `limit` 0 means all from `offset` on. */
export interface DataFile {
  path: string;
  offset: number;
  limit: number;
}

/** Settings as validated at the door: nothing unset but what the contract lets be. */
export interface JobRequests {
  craft: {
    network: NetworkFile;
    data: DataFile;
    spec: CraftSpec;
    compute: ComputeSpec;
    output: string;
    checkpoint: string | null;
  };
  evaluate: { network: NetworkFile; data: DataFile; spec: EvaluateSpec; compute: ComputeSpec; checkpoint: string | null };
  corrupt: { data: DataFile; spec: CorruptSpec; output: string };
  criticality: { network: NetworkFile; adversarialSet: string; spec: CriticalitySpec; compute: ComputeSpec };
  fineTune: {
    network: NetworkFile;
    train: DataFile;
    selection: DataFile | null;
    spec: FineTuneSpec;
    compute: ComputeSpec;
    output: string;
    checkpoint: string | null;
  };
  interpolate: { fromPath: string; toPath: string; alphas: number[]; outputs: string[] };
  train: {
    train: DataFile;
    selection: DataFile | null;
    extra: DataFile | null;
    spec: TrainSpec;
    initial: NetworkFile | null;
    compute: ComputeSpec;
    output: string;
    checkpoint: string | null;
  };
  importNetwork: {
    path: string;
    fileName: string;
    arch: string;
    width: number;
    classes: number;
    inputSize: number;
    preprocess: Preprocess;
    classNames: string[];
    output: string;
  };
  inspectNetwork: { path: string };
  exportNetwork: { path: string; format: ExportFormat; output: string };
  importDataset: { name: string; path: string; format: DatasetFormat; heldOut: number; seed: number; outputDir: string };
  importAdversarialSet: { path: string; fileName: string; output: string };
}

/** Name of a job that the addon runs. */
export type JobKind = keyof JobRequests;

/** A split as the importer wrote it. */
export interface ImportedSplit {
  path: string;
  count: number;
  classCounts: number[];
}

/** What the data-set importer found. */
export interface ImportedDataset {
  classes: string[];
  imageSize: number;
  notes: string[];
  splits: Record<string, ImportedSplit>;
}

/** Results; digests of written files are left empty for whoever stores them. */
export interface JobResults {
  craft: CraftResult;
  evaluate: EvaluateResult;
  corrupt: CorruptResult;
  criticality: CriticalityResult;
  fineTune: FineTuneResult;
  interpolate: Record<string, never>;
  train: TrainResult;
  importNetwork: NetworkInfo;
  inspectNetwork: NetworkInfo;
  exportNetwork: Record<string, never>;
  importDataset: ImportedDataset;
  importAdversarialSet: { count: number };
}

/** Opens an online attack. */
export interface PerturbRequest {
  network: NetworkFile;
  spec: AttackSpec;
  seed: number;
  compute: ComputeSpec;
}
