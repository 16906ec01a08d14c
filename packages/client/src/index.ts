export { Artifacts, type StoredFile, type TransferOptions } from './artifacts.js';
export type { CallOptions } from './calls.js';
export { Catalog } from './catalog.js';
export { RiftClient } from './client.js';
export { Runs, hasEnded, type WatchOptions } from './runs.js';
export {
  PUBLISHED_CORRUPTIONS,
  STANDARD_CORRUPTIONS,
  accuracyOf,
  averageOver,
  meanCorruptionError,
  outOfDistribution,
  wilsonInterval,
  type Accuracy,
  type CorruptionTable,
} from './statistics.js';
