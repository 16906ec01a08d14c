export { bootstrapMean, MIN_REPLICATES, type BootstrapSettings } from './bootstrap.js';
export { tInterval, wilsonInterval, Z_ONE_SIDED_95, Z_TWO_SIDED_95, type Interval, type MeanInterval } from './interval.js';
export {
  differenceOf,
  mcnemarExact,
  meanDifference,
  nonInferiority,
  pairedCounts,
  pairedDifference,
  type NonInferiority,
  type PairedCounts,
  type PairedDifference,
} from './paired.js';
export { ranksOf, spearman } from './rank.js';
