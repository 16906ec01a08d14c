import binomialCdf from '@stdlib/stats-base-dists-binomial-cdf';
import { Z_ONE_SIDED_95, Z_TWO_SIDED_95, type Interval } from './interval.js';

/** How two classifiers did on the same images. */
export interface PairedCounts {
  readonly total: number;
  /** Right before, wrong after (n₁₀). */
  readonly lost: number;
  /** Wrong before, right after (n₀₁). */
  readonly gained: number;
}

/** Change of a mean over the same images. */
export interface PairedDifference extends Interval {
  /** After minus before; a difference of accuracies, as a fraction. */
  readonly difference: number;
  readonly standardError: number;
}

/**
 * Counts the images whose outcome changed.
 *
 * @param before one byte an image: 0 wrong, anything else right.
 * @param after the same images in the same order.
 * @throws RangeError when the lengths differ: outcomes of different images cannot be paired.
 */
export function pairedCounts(before: Uint8Array, after: Uint8Array): PairedCounts {
  if (before.length !== after.length) {
    throw new RangeError(`before holds ${before.length} images and after ${after.length}; pair outcomes of the same images only`);
  }
  let lost = 0;
  let gained = 0;
  for (let i = 0; i < before.length; i += 1) {
    if (before[i] !== 0 && after[i] === 0) lost += 1;
    if (before[i] === 0 && after[i] !== 0) gained += 1;
  }
  return { total: before.length, lost, gained };
}

/**
 * Change of an accuracy with its standard error over the same images: (n₀₁ − n₁₀)/n and √((n₁₀ + n₀₁) − (n₁₀ − n₀₁)²/n)/n.
 * Only images whose outcome flips count, so it is far sharper than two intervals side by side. The 95 % interval is the
 * normal one; with fewer than about ten flips read McNemar's exact p instead.
 *
 * @param before one byte an image: 0 wrong, anything else right.
 * @param after the same images in the same order.
 * @throws RangeError when the lengths differ or there is no image.
 */
export function pairedDifference(before: Uint8Array, after: Uint8Array): PairedDifference {
  return differenceOf(pairedCounts(before, after));
}

/**
 * The change of {@link pairedDifference}, from the counts.
 *
 * @throws RangeError when there is no image.
 */
export function differenceOf({ total, lost, gained }: PairedCounts): PairedDifference {
  if (total === 0) throw new RangeError('there are 0 images; a difference needs at least 1');
  const net = gained - lost;
  // Whole numbers up to here, so that equal outcomes give exactly 0.
  return withInterval(net / total, Math.sqrt(lost + gained - (net * net) / total) / total);
}

/**
 * Mean of per-image differences with its standard error s/√n, for figures that average several outcomes of one image, as the
 * mean over corruptions does: the image is the unit that was drawn at random, its corrupted copies are not.
 *
 * @param differences after minus before, one value an image.
 * @throws RangeError when there are fewer than two images.
 */
export function meanDifference(differences: Float64Array): PairedDifference {
  const n = differences.length;
  if (n < 2) throw new RangeError(`there are ${n} images; a standard error needs at least 2`);
  const mean = differences.reduce((sum, value) => sum + value, 0) / n;
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return withInterval(mean, Math.sqrt(variance / n));
}

function withInterval(difference: number, standardError: number): PairedDifference {
  const half = Z_TWO_SIDED_95 * standardError;
  return { difference, standardError, low: difference - half, high: difference + half };
}

/**
 * Exact two-sided McNemar test: the probability, were losing and gaining an image equally likely, of a split of the flipped
 * images at least as uneven as the one seen.
 *
 * @returns p in (0, 1]; 1 when no image flipped.
 */
export function mcnemarExact({ lost, gained }: Pick<PairedCounts, 'lost' | 'gained'>): number {
  const flipped = lost + gained;
  if (flipped === 0) return 1;
  return Math.min(1, 2 * binomialCdf(Math.min(lost, gained), flipped, 0.5));
}

/** Whether an accuracy was kept up to a margin. */
export interface NonInferiority {
  /** Accuracy that may be lost, a fraction of at least 0. */
  readonly margin: number;
  /** One-sided 95 % lower bound of the change. */
  readonly lowerBound: number;
  /** True when the bound lies above minus the margin. */
  readonly holds: boolean;
  /** Smallest loss that the data rule out: the test holds for every margin above it. */
  readonly supportedMargin: number;
}

/**
 * One-sided 95 % non-inferiority test of a change: holds when difference − 1.645·SE > −margin. "No significant change" is not
 * "unchanged"; this test is the one that says how much could have been lost unseen.
 *
 * @param margin accuracy that may be lost, a fraction of at least 0.
 * @throws RangeError when the margin is negative or not a number.
 */
export function nonInferiority(change: Pick<PairedDifference, 'difference' | 'standardError'>, margin: number): NonInferiority {
  if (!(margin >= 0)) throw new RangeError(`margin ${margin} must be at least 0`);
  const lowerBound = change.difference - Z_ONE_SIDED_95 * change.standardError;
  return { margin, lowerBound, holds: lowerBound > -margin, supportedMargin: Math.max(0, -lowerBound) };
}
