import type { EvaluateResult, Outcome } from '@rift/contracts';

/** 97.5 % quantile of the normal distribution. */
const Z = 1.959963984540054;

/** The fifteen corruptions of CIFAR-C that count, in its order; four more are kept apart. */
export const STANDARD_CORRUPTIONS = [
  'gaussian_noise',
  'shot_noise',
  'impulse_noise',
  'defocus_blur',
  'glass_blur',
  'motion_blur',
  'zoom_blur',
  'snow',
  'frost',
  'fog',
  'brightness',
  'contrast',
  'elastic_transform',
  'pixelate',
  'jpeg_compression',
] as const;

const STANDARD_NAMES: ReadonlySet<string> = new Set(STANDARD_CORRUPTIONS);

/** An accuracy with its 95 % interval; all figures are fractions. */
export interface Accuracy {
  readonly accuracy: number;
  readonly ci95: readonly [low: number, high: number];
  readonly correct: number;
  readonly total: number;
}

/**
 * Wilson's 95 % interval of a share.
 *
 * @param correct images classified right, 0 to `total`
 * @param total images judged; 0 gives the whole range
 */
export function wilsonInterval(correct: number, total: number): [low: number, high: number] {
  if (total === 0) return [0, 1];
  const share = correct / total;
  const centre = share + (Z * Z) / (2 * total);
  const half = Z * Math.sqrt((share * (1 - share)) / total + (Z * Z) / (4 * total * total));
  const scale = 1 + (Z * Z) / total;
  // At the ends of the range the formula is exact but for rounding.
  return [correct === 0 ? 0 : Math.max(0, (centre - half) / scale), correct === total ? 1 : Math.min(1, (centre + half) / scale)];
}

/** The accuracy of an outcome with its Wilson interval. */
export function accuracyOf({ correct, total }: Pick<Outcome, 'correct' | 'total'>): Accuracy {
  return { accuracy: total === 0 ? 0 : correct / total, ci95: wilsonInterval(correct, total), correct, total };
}

/**
 * Mean accuracy over corruptions and severities. The standard fifteen count; where none of them was measured, all do. The same image appears in each of them, so its outcomes are no
 * independent draws: the interval is taken over images (each with its own mean), not over all judgements.
 *
 * @returns undefined when no corruption was measured; `correct` and `total` count judgements
 */
export function outOfDistribution(corruptions: EvaluateResult['corruptions']): Accuracy | undefined {
  const standard = corruptions.filter(({ name }) => STANDARD_NAMES.has(name));
  const counted = standard.length > 0 ? standard : corruptions;
  const outcomes = counted.flatMap(({ severities }) => severities.flatMap(({ outcome }) => (outcome === null ? [] : [outcome])));
  if (outcomes.length === 0) return undefined;
  const correct = outcomes.reduce((sum, outcome) => sum + outcome.correct, 0);
  const total = outcomes.reduce((sum, outcome) => sum + outcome.total, 0);
  const mean = total === 0 ? 0 : correct / total;
  const images = outcomes[0]?.perImage.length ?? 0;
  const isComplete = images > 1 && outcomes.every(({ perImage }) => perImage.length === images);
  if (!isComplete) return { accuracy: mean, ci95: wilsonInterval(correct, total), correct, total };
  const sums = new Float64Array(images);
  for (const { perImage } of outcomes)
    for (let image = 0; image < images; image += 1) sums[image] = (sums[image] ?? 0) + (perImage[image] ?? 0);
  const variance = sums.reduce((sum, value) => sum + (value / outcomes.length - mean) ** 2, 0) / (images - 1);
  const half = Z * Math.sqrt(variance / images);
  return { accuracy: mean, ci95: [Math.max(0, mean - half), Math.min(1, mean + half)], correct, total };
}
