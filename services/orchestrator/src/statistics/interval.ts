import tQuantile from '@stdlib/stats-base-dists-t-quantile';

/** A two-sided 95 % interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Quantile of the standard normal distribution that leaves 2.5 % above it: two-sided 95 % intervals. */
export const Z_TWO_SIDED_95 = 1.959963984540054;

/** Quantile of the standard normal distribution that leaves 5 % above it: one-sided 95 % bounds. */
export const Z_ONE_SIDED_95 = 1.6448536269514722;

/**
 * Two-sided 95 % Wilson score interval of a proportion. Unlike the textbook p ± 1.96·√(p(1−p)/n) it stays within [0, 1] and
 * holds its level near 0 and 1, where robust accuracies under strong attacks lie.
 *
 * @param correct successes, an integer in [0, total].
 * @param total trials; with 0 trials nothing is known and the interval is [0, 1].
 * @throws RangeError when the counts are no counts.
 */
export function wilsonInterval(correct: number, total: number): Interval {
  if (!Number.isSafeInteger(total) || total < 0) throw new RangeError(`total ${total} must be a whole number of at least 0`);
  if (!Number.isSafeInteger(correct) || correct < 0 || correct > total) {
    throw new RangeError(`correct ${correct} must be a whole number between 0 and total, which is ${total}`);
  }
  if (total === 0) return { low: 0, high: 1 };
  const p = correct / total;
  const z = Z_TWO_SIDED_95;
  const centre = p + (z * z) / (2 * total);
  const half = z * Math.sqrt((p * (1 - p)) / total + (z * z) / (4 * total * total));
  const scale = 1 + (z * z) / total;
  // At the ends the exact bound is 0 or 1; the subtraction would leave a rounding error there.
  return { low: correct === 0 ? 0 : (centre - half) / scale, high: correct === total ? 1 : (centre + half) / scale };
}

/** Mean of a few independent repetitions with its 95 % interval. */
export interface MeanInterval extends Interval {
  readonly mean: number;
  /** Sample standard deviation (n − 1). */
  readonly standardDeviation: number;
}

/**
 * Two-sided 95 % t-interval of the mean over independent repetitions, for results over seeds. With 3 seeds it is
 * mean ± 4.30·s/√3: three runs say little, and the interval says so.
 *
 * @param values at least two finite values.
 * @throws RangeError when there are fewer or one is not finite.
 */
export function tInterval(values: readonly number[]): MeanInterval {
  const n = values.length;
  if (n < 2) throw new RangeError(`values holds ${n} value(s) and must hold at least 2: one repetition tells nothing of the spread`);
  if (!values.every(Number.isFinite)) throw new RangeError(`values [${values.join(', ')}] must all be finite`);
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const standardDeviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const half = (tQuantile(0.975, n - 1) * standardDeviation) / Math.sqrt(n);
  return { mean, standardDeviation, low: mean - half, high: mean + half };
}
