import { Xoshiro128 } from './xoshiro.js';
import type { Interval } from './interval.js';

/** Fewest replicates that a 95 % percentile interval is taken from: its ends then rest on 250 replicates each. */
export const MIN_REPLICATES = 10_000;

/** How a bootstrap is drawn. */
export interface BootstrapSettings {
  /** Seed, an integer in [0, 2³²). */
  readonly seed: number;
  /** Replicates, at least {@link MIN_REPLICATES}, which is the default. */
  readonly replicates?: number;
}

/**
 * 95 % percentile bootstrap interval of the mean of per-image differences: images are drawn with replacement, the same draw
 * for both networks, so that the pairing is kept. Assumes no distribution, and so checks the normal interval.
 *
 * @param differences after minus before, one value an image (−1, 0 or 1 for one outcome an image).
 * @throws RangeError when there is no image or too few replicates are asked for.
 */
export function bootstrapMean(differences: ArrayLike<number>, { seed, replicates = MIN_REPLICATES }: BootstrapSettings): Interval {
  const n = differences.length;
  if (n === 0) throw new RangeError('there are 0 images; a bootstrap needs at least 1');
  if (!Number.isSafeInteger(replicates) || replicates < MIN_REPLICATES) {
    throw new RangeError(`replicates ${replicates} must be a whole number of at least ${MIN_REPLICATES}`);
  }
  const random = new Xoshiro128(seed);
  const values = Float64Array.from(differences);
  const means = new Float64Array(replicates);
  for (let r = 0; r < replicates; r += 1) {
    let sum = 0;
    for (let i = 0; i < n; i += 1) sum += values[random.below(n)] ?? 0;
    means[r] = sum / n;
  }
  means.sort();
  return { low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** Quantile of sorted values, linear between neighbours (the default of R and NumPy). */
function quantile(sorted: Float64Array, p: number): number {
  const position = (sorted.length - 1) * p;
  const below = Math.floor(position);
  const low = sorted[below] ?? NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? NaN;
  return low + (high - low) * (position - below);
}
