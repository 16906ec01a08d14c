import type { DatasetInfo, Outcome, RunSettings } from '@rift/contracts';

/** Settings of a run of the whole method on small numbers of images. */
export function someSettings(changes: Partial<RunSettings> = {}): RunSettings {
  return {
    network: 'a'.repeat(64),
    dataset: 'toy',
    profile: 'PROFILE_SOUND',
    seed: 7,
    compute: { device: 'cpu', precision: 'PRECISION_FP32', batchSize: 0, threads: 1, plain: false, memoryMib: 0 },
    noCache: false,
    limits: { criticality: 40, train: 60, selection: 50, test: 80, corruption: 20 },
    priority: 0,
    ...changes,
  };
}

/** A data set with the three usual splits; split digests are the split's first letter repeated. */
export function someDataset(counts: Readonly<Record<string, number>> = { train: 600, val: 100, test: 100 }): DatasetInfo {
  const splits = Object.entries(counts).map(([name, count]) => [
    name,
    { digest: Buffer.from(name).toString('hex').padEnd(64, '0'), count, classCounts: [count] },
  ]);
  return {
    digest: 'd'.repeat(64),
    classes: ['cat', 'dog'],
    splits: Object.fromEntries(splits) as DatasetInfo['splits'],
    imageSize: 32,
    notes: [],
  };
}

/** The outcome of images that are right (1) or wrong (0). */
export function outcomeOf(bits: readonly number[], meanLoss = 1): Outcome {
  return { correct: bits.filter((bit) => bit === 1).length, total: bits.length, perImage: Buffer.from(bits), meanLoss };
}
