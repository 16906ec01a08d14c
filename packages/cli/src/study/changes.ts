import type { EvaluateResult, Outcome } from '@rift/contracts';
import { mcnemarExact, meanDifference, pairedCounts, pairedDifference } from '@rift/orchestrator/statistics';

/** Change of an accuracy over the same images, with its paired 95 % interval; fractions. */
export interface Change {
  readonly difference: number;
  readonly ci95: readonly [low: number, high: number];
  /** McNemar's exact two-sided p; null for means over corruptions, whose unit is the image. */
  readonly p: number | null;
}

/** Change between two outcomes on the same images; undefined when one is missing or they are of other images. */
export function changeOf(before: Outcome | null | undefined, after: Outcome | null | undefined): Change | undefined {
  if (!before || !after || before.perImage.length === 0 || before.perImage.length !== after.perImage.length) return undefined;
  const { difference, low, high } = pairedDifference(before.perImage, after.perImage);
  return { difference, ci95: [low, high], p: mcnemarExact(pairedCounts(before.perImage, after.perImage)) };
}

type Corruptions = EvaluateResult['corruptions'];

/** Change of the mean accuracy over corruptions and severities; the image is the unit, its corrupted copies are not. */
export function oodChangeOf(before: Corruptions, after: Corruptions): Change | undefined {
  const a = meansByImage(before);
  const b = meansByImage(after);
  if (!a || !b || a.length !== b.length || a.length < 2) return undefined;
  const { difference, low, high } = meanDifference(b.map((value, image) => value - (a[image] ?? 0)));
  return { difference, ci95: [low, high], p: null };
}

/** Share of an image's corrupted copies that are classified right, image by image; undefined when outcomes are missing. */
function meansByImage(corruptions: Corruptions): Float64Array | undefined {
  const outcomes = corruptions.flatMap(({ severities }) => severities.map(({ outcome }) => outcome));
  const images = outcomes[0]?.perImage.length ?? 0;
  if (images === 0) return undefined;
  const means = new Float64Array(images);
  for (const outcome of outcomes) {
    if (outcome?.perImage.length !== images) return undefined;
    for (let image = 0; image < images; image += 1) means[image] = (means[image] ?? 0) + (outcome.perImage[image] ?? 0) / outcomes.length;
  }
  return means;
}
