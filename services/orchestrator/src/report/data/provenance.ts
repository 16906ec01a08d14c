import type { DatasetInfo, NetworkInfo } from '@rift/contracts';
import type { Registered, ReportInput } from '../input.js';
import { enumWords } from './names.js';
import { finite } from './outcomes.js';
import type { DatasetData, NetworkData, ProvenanceData } from './types.js';

/** Everything needed to tell where the figures come from and to make them again. */
export function provenanceData(input: ReportInput): ProvenanceData {
  const { run } = input;
  return {
    generatedAt: input.generatedAt,
    createdAt: run.createdAt ?? null,
    startedAt: run.startedAt ?? null,
    profile: enumWords('PROFILE_', run.settings.profile),
    seed: run.settings.seed,
    network: input.network ? networkData(input.network) : null,
    dataset: input.dataset ? datasetData(input.dataset) : null,
    stages: run.stages,
    log: input.log,
    environment: input.environment,
    artifacts: input.artifacts,
    commands: input.commands,
    settings: run.settings,
    plan: run.plan,
  };
}

function networkData({ name, info }: Registered<NetworkInfo>): NetworkData {
  return {
    name,
    digest: info.digest,
    arch: info.arch,
    width: info.width,
    classes: info.classes,
    inputSize: info.inputSize,
    preprocess: info.preprocess?.name ?? 'none',
    parameters: info.parameters,
    parents: info.parents,
    metrics: Object.fromEntries(Object.entries(info.metrics).flatMap(([key, value]) => (finite(value) === null ? [] : [[key, value]]))),
    notes: info.notes,
  };
}

function datasetData({ name, info }: Registered<DatasetInfo>): DatasetData {
  return {
    name,
    digest: info.digest,
    classes: info.classes.length,
    imageSize: info.imageSize,
    splits: Object.fromEntries(Object.entries(info.splits).map(([split, { count }]) => [split, count])),
    notes: info.notes,
  };
}
