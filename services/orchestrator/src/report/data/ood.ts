import type { CorruptionOutcome, Outcome } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import { bootstrapMean, meanDifference, Z_TWO_SIDED_95 } from '../../statistics/index.js';
import type { Evaluation } from '../input.js';
import { PUBLISHED_CODE_CORRUPTIONS } from '../../plan/corruptions.js';
import { STANDARD_CORRUPTIONS } from './names.js';
import { accuracyOf, changeData, changeOf, checkOutcome, ends } from './outcomes.js';
import type { AccuracyData, ChangeData, CorruptionRowData, OodData } from './types.js';

/** Severities of CIFAR-C. */
const SEVERITIES = [1, 2, 3, 4, 5] as const;

/** Outcomes by corruption and severity, with what was measured on which images. */
export interface OodFigure {
  readonly data: OodData;
  /** For each image, the share of its corrupted copies classified right. */
  readonly perImage: Float64Array;
}

/** The first evaluation that measured corruptions. */
export function corruptionEvaluation(evaluations: readonly Evaluation[]): Evaluation | undefined {
  return evaluations.find(({ result }) => result.corruptions.length > 0);
}

/**
 * Mean accuracy over corruptions and severities. The standard fifteen count, as RobustBench has it; where none of them was
 * measured, all count. The interval is taken over images: the copies of one image stand and fall together, so that counting
 * every copy as a draw of its own would make it far too narrow.
 *
 * @throws InvalidArgument when an outcome contradicts itself or corruptions were measured on different numbers of images.
 */
export function oodOf(evaluation: Evaluation): OodFigure {
  const { corruptions } = evaluation.result;
  const standard = corruptions.filter(({ name }) => STANDARD_CORRUPTIONS.has(name));
  const counted = standard.length > 0 ? standard : corruptions;
  const cells = counted.flatMap((corruption) => cellsOf(corruption, evaluation.stage));
  const images = cells[0]?.outcome.total ?? 0;
  const odd = cells.find(({ outcome }) => outcome.total !== images);
  if (odd)
    throw new InvalidArgument(
      `${odd.field}.total`,
      odd.outcome.total,
      `must be ${images}, as for the other corruptions of stage ${evaluation.stage}`,
    );
  const perImage = new Float64Array(images);
  for (const { outcome } of cells) outcome.perImage.forEach((byte, i) => (perImage[i] = (perImage[i] ?? 0) + (byte === 0 ? 0 : 1)));
  const correct = perImage.reduce((sum, copies) => sum + copies, 0);
  const total = images * cells.length;
  const shares = perImage.map((copies) => copies / cells.length);
  return {
    data: {
      ...clustered(shares, accuracyOf(correct, total)),
      images,
      corruptions: counted.map(({ name }) => name),
      severities: [...new Set(cells.map(({ severity }) => severity))].sort((a, b) => a - b),
    },
    perImage: shares,
  };
}

/** Replaces the interval by the one over images; with a single image the wide one of the counts stays. */
function clustered(shares: Float64Array, pooled: AccuracyData): AccuracyData {
  if (shares.length < 2) return pooled;
  const { standardError } = meanDifference(shares);
  const half = Z_TWO_SIDED_95 * standardError;
  // Shares that never vary between images leave no spread to take an interval from.
  if (half === 0) return pooled;
  return { ...pooled, ci95: [Math.max(0, pooled.accuracy - half), Math.min(1, pooled.accuracy + half)] };
}

/** Change of the mean over corruptions, with the image as the unit. */
export function oodChange(before: OodFigure, after: OodFigure, seed: number | undefined): ChangeData | null {
  if (before.perImage.length < 2 || before.perImage.length !== after.perImage.length) return null;
  const differences = after.perImage.map((share, i) => share - (before.perImage[i] ?? 0));
  return changeData(
    meanDifference(differences),
    differences.length,
    seed === undefined ? null : ends(bootstrapMean(differences, { seed })),
  );
}

/** Whether two evaluations measured the same corruptions at the same severities on the same images with the same noise. */
export function sameCorruptions(before: Evaluation, after: Evaluation): boolean {
  const key = ({ images, seed, result }: Evaluation): string =>
    JSON.stringify([
      images.split,
      images.offset,
      images.limit,
      seed,
      result.corruptions.map(({ name, severities }) => [name, severities.map(({ severity, outcome }) => [severity, outcome?.total])]),
    ]);
  return key(before) === key(after);
}

/** Accuracy at severities 1 to 5 by corruption; null where it was not measured. */
export function severityTable(evaluation: Evaluation | undefined): Record<string, (number | null)[]> {
  const rows = (evaluation?.result.corruptions ?? []).map((corruption): [string, (number | null)[]] => [
    corruption.name,
    SEVERITIES.map((severity) => {
      const outcome = outcomeAt(corruption, severity);
      return outcome && outcome.total > 0 ? outcome.correct / outcome.total : null;
    }),
  ]);
  return Object.fromEntries(rows);
}

/** One row a corruption that either network was measured on. */
export function corruptionRows(before: Evaluation | undefined, after: Evaluation | undefined): CorruptionRowData[] {
  const paired = before !== undefined && after !== undefined && sameCorruptions(before, after);
  const names = new Set([...(before?.result.corruptions ?? []), ...(after?.result.corruptions ?? [])].map(({ name }) => name));
  return [...names].map((name) => {
    const was = before?.result.corruptions.find((corruption) => corruption.name === name);
    const is = after?.result.corruptions.find((corruption) => corruption.name === name);
    return corruptionRow(name, was, is, paired);
  });
}

function corruptionRow(
  name: string,
  was: CorruptionOutcome | undefined,
  is: CorruptionOutcome | undefined,
  paired: boolean,
): CorruptionRowData {
  const measured = SEVERITIES.filter((severity) => outcomeAt(was, severity) ?? outcomeAt(is, severity));
  const severities = measured.map((severity) => {
    const [before, after] = [outcomeAt(was, severity), outcomeAt(is, severity)];
    return {
      severity,
      before: before ? accuracyOf(before.correct, before.total) : null,
      after: after ? accuracyOf(after.correct, after.total) : null,
      change: paired && before && after && before.total > 0 ? changeOf(before, after, undefined) : null,
    };
  });
  const [before, after] = [meanOf(was), meanOf(is)];
  const change = paired && before && after && before.shares.length > 1 ? meanChange(before.shares, after.shares) : null;
  return { name, standard: STANDARD_CORRUPTIONS.has(name), severities, before: before?.mean ?? null, after: after?.mean ?? null, change };
}

function meanOf(corruption: CorruptionOutcome | undefined): { mean: number; shares: Float64Array } | undefined {
  const outcomes = (corruption?.severities ?? []).flatMap(({ outcome }) => (outcome ? [outcome] : []));
  const images = outcomes[0]?.total ?? 0;
  if (images === 0 || outcomes.some(({ total }) => total !== images)) return undefined;
  const shares = new Float64Array(images);
  for (const { perImage } of outcomes)
    perImage.forEach((byte, i) => (shares[i] = (shares[i] ?? 0) + (byte === 0 ? 0 : 1 / outcomes.length)));
  return { mean: outcomes.reduce((sum, { correct }) => sum + correct, 0) / (images * outcomes.length), shares };
}

function meanChange(before: Float64Array, after: Float64Array): ChangeData {
  const differences = after.map((share, i) => share - (before[i] ?? 0));
  return changeData(meanDifference(differences), differences.length, null);
}

function cellsOf(corruption: CorruptionOutcome, stage: string): { severity: number; outcome: Outcome; field: string }[] {
  return corruption.severities.map(({ severity, outcome }) => {
    const field = `${stage}.corruptions.${corruption.name}.${severity}`;
    if (!outcome) throw new InvalidArgument(field, '', 'must hold an outcome');
    checkOutcome(outcome, field);
    return { severity, outcome, field };
  });
}

function outcomeAt(corruption: CorruptionOutcome | undefined, severity: number): Outcome | undefined {
  return corruption?.severities.find((entry) => entry.severity === severity)?.outcome ?? undefined;
}

type SeverityTable = Readonly<Record<string, readonly (number | null)[]>>;

/** Mean over the eighteen corruptions of the published code at all five severities; null unless all were measured. */
export function averages(table: SeverityTable): { published18: number | null } {
  const cells = PUBLISHED_CODE_CORRUPTIONS.flatMap((name) => table[name] ?? [null]);
  const measured = cells.filter((cell) => cell !== null);
  return { published18: measured.length === cells.length ? measured.reduce((sum, cell) => sum + cell, 0) / cells.length : null };
}

/**
 * Mean corruption error against a base (Hendrycks & Dietterich 2019): per corruption the errors summed over severities over the
 * base's, then the mean over the standard corruptions that both were measured on at the same severities; null when there are none.
 */
export function corruptionError(table: SeverityTable, base: SeverityTable): number | null {
  const ratios = [...STANDARD_CORRUPTIONS].flatMap((name) => {
    const pairs = (table[name] ?? []).map((cell, severity) => [cell, base[name]?.[severity] ?? null] as const);
    if (pairs.some(([cell, of]) => (cell === null) !== (of === null))) return [];
    const error = (side: 0 | 1): number => pairs.reduce((sum, pair) => sum + (pair[side] === null ? 0 : 1 - pair[side]), 0);
    return error(1) > 0 ? [error(0) / error(1)] : [];
  });
  return ratios.length === 0 ? null : ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}
