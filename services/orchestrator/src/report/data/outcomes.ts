import type { Outcome } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import {
  bootstrapMean,
  differenceOf,
  mcnemarExact,
  nonInferiority,
  pairedCounts,
  wilsonInterval,
  type PairedDifference,
} from '../../statistics/index.js';
import type { AccuracyData, ChangeData } from './types.js';

/** Largest p that counts as significant; the intervals are the matching 95 % ones. */
const LEVEL = 0.05;

/** Returns the value, or null where JSON has no number for it (NaN, infinity) or there is none. */
export function finite(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}

/**
 * Checks that an outcome agrees with itself: as many bytes as images, as many ones as images right.
 *
 * @throws InvalidArgument naming `field`.
 */
export function checkOutcome(outcome: Outcome, field: string): void {
  const { correct, total, perImage } = outcome;
  if (perImage.length !== total) {
    throw new InvalidArgument(
      `${field}.per_image`,
      `${perImage.length} bytes`,
      `must hold one byte for each of the ${total} images judged`,
    );
  }
  const right = perImage.reduce((sum, byte) => sum + (byte === 0 ? 0 : 1), 0);
  if (right !== correct)
    throw new InvalidArgument(`${field}.correct`, correct, `must be the number of images right in per_image, which is ${right}`);
}

/** Accuracy with its Wilson interval; 0 of 0 images is accuracy 0 with the interval [0, 1]. */
export function accuracyOf(correct: number, total: number): AccuracyData {
  const { low, high } = wilsonInterval(correct, total);
  return { accuracy: total === 0 ? 0 : correct / total, ci95: [low, high], correct, total };
}

/**
 * Change between two outcomes of the same images.
 *
 * @param seed seed of the bootstrap; undefined draws none.
 */
export function changeOf(before: Outcome, after: Outcome, seed: number | undefined): ChangeData {
  const counts = pairedCounts(before.perImage, after.perImage);
  const difference = differenceOf(counts);
  const flips = (): Int8Array => Int8Array.from(before.perImage, (was, i) => Math.sign(after.perImage[i] ?? 0) - Math.sign(was));
  const mcnemarP = mcnemarExact(counts);
  return {
    ...changeData(difference, counts.total, seed === undefined ? null : ends(bootstrapMean(flips(), { seed }))),
    lost: counts.lost,
    gained: counts.gained,
    mcnemarP,
    significant: mcnemarP < LEVEL,
  };
}

/** Fields of a change that do not depend on single flips; significant when the interval leaves 0 out. */
export function changeData(change: PairedDifference, images: number, bootstrap95: ChangeData['bootstrap95']): ChangeData {
  const { lowerBound, supportedMargin } = nonInferiority(change, 0);
  return {
    difference: change.difference,
    standardError: change.standardError,
    ci95: [change.low, change.high],
    bootstrap95,
    lost: null,
    gained: null,
    mcnemarP: null,
    significant: change.low > 0 || change.high < 0,
    lowerBound95: lowerBound,
    supportedMargin,
    images,
  };
}

/** Interval as JSON writes it. */
export function ends({ low, high }: { readonly low: number; readonly high: number }): readonly [number, number] {
  return [low, high];
}

/** Per-image worst case of several outcomes on the same images: right only where all are. */
export function worstOf(outcomes: readonly Outcome[]): Uint8Array {
  const [first, ...others] = outcomes;
  const worst = Uint8Array.from(first?.perImage ?? [], (byte) => (byte === 0 ? 0 : 1));
  for (const { perImage } of others) for (let i = 0; i < worst.length; i += 1) if (perImage[i] === 0) worst[i] = 0;
  return worst;
}
