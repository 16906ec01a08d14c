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

/** The eighteen of RiFT's published code: without glass blur, with the four that CIFAR-C holds apart. */
export const PUBLISHED_CORRUPTIONS = [
  ...STANDARD_CORRUPTIONS.filter((name) => name !== 'glass_blur'),
  'speckle_noise',
  'gaussian_blur',
  'spatter',
  'saturate',
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

/** Accuracy at each severity, by corruption. */
export type CorruptionTable = Readonly<Record<string, readonly number[]>>;

/**
 * Mean accuracy over a list of corruptions and all severities that were measured, each cell counting alike.
 *
 * @returns undefined unless every corruption of the list was measured
 */
export function averageOver(names: readonly string[], table: CorruptionTable): number | undefined {
  const rows = names.map((name) => table[name] ?? []);
  if (names.length === 0 || rows.some((row) => row.length === 0)) return undefined;
  const cells = rows.flat();
  return cells.reduce((sum, accuracy) => sum + accuracy, 0) / cells.length;
}

/**
 * Mean corruption error against a base network (Hendrycks & Dietterich 2019): for each corruption the errors over severities,
 * summed, over the base's; then the mean over the standard corruptions that both have. 1 is the base itself, less is better.
 *
 * @returns undefined when they share no corruption, or the base makes no error under one of them
 */
export function meanCorruptionError(table: CorruptionTable, base: CorruptionTable): number | undefined {
  const names = STANDARD_CORRUPTIONS.filter((name) => table[name] !== undefined && base[name]?.length === table[name].length);
  const error = (row: readonly number[] = []): number => row.reduce((sum, accuracy) => sum + 1 - accuracy, 0);
  if (names.length === 0 || names.some((name) => error(base[name]) === 0)) return undefined;
  return names.reduce((sum, name) => sum + error(table[name]) / error(base[name]), 0) / names.length;
}
