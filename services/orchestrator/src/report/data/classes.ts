import type { ReportInput } from '../input.js';
import { accuracyOf } from './outcomes.js';
import type { Figures } from './evaluation.js';
import type { ClassesData, ConfusionChangeData } from './types.js';

/** Confusions listed; the others changed less. */
const LISTED = 12;

/**
 * Accuracy of each class and the confusions that changed most, from the confusion matrices on clean images.
 *
 * @returns null unless both networks were measured on the same images with a confusion matrix.
 */
export function classesData(input: ReportInput, before: Figures, after: Figures): ClassesData | null {
  const was = before.standard?.evaluation;
  const is = after.standard?.evaluation;
  if (!was || !is || JSON.stringify(was.images) !== JSON.stringify(is.images)) return null;
  const size = Math.sqrt(was.result.confusion.length);
  if (size === 0 || !Number.isInteger(size) || is.result.confusion.length !== size * size) return null;
  const names = classNames(input, size);
  const labels = Array.from({ length: size }, (_, label) => label);
  const row = (matrix: readonly number[], label: number): readonly number[] => matrix.slice(label * size, (label + 1) * size);
  const classAccuracy = (matrix: readonly number[], label: number) =>
    accuracyOf(
      matrix[label * size + label] ?? 0,
      row(matrix, label).reduce((sum, count) => sum + count, 0),
    );
  const confusions = labels.flatMap((label) =>
    labels.flatMap((predicted): ConfusionChangeData[] => {
      const [first, second] = [was.result.confusion[label * size + predicted] ?? 0, is.result.confusion[label * size + predicted] ?? 0];
      return label === predicted || first === second ? [] : [{ label, predicted, before: first, after: second }];
    }),
  );
  const change = (entry: ConfusionChangeData): number => Math.abs(entry.after - entry.before);
  return {
    classes: labels.map((label) => {
      const [first, second] = [classAccuracy(was.result.confusion, label), classAccuracy(is.result.confusion, label)];
      return { label, name: names[label] ?? String(label), before: first, after: second, difference: second.accuracy - first.accuracy };
    }),
    confusions: confusions.sort((a, b) => change(b) - change(a)).slice(0, LISTED),
  };
}

/** Class names of the data set or the network; the label itself where neither has one. */
export function classNames(input: ReportInput, size: number): readonly string[] {
  const candidates = [input.dataset?.info.classes ?? [], input.network?.info.classNames ?? []];
  const named = candidates.find((names) => names.length === size) ?? [];
  return Array.from({ length: size }, (_, label) => named[label] ?? String(label));
}
