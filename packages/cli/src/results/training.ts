import { accuracyOf, type Accuracy } from '@rift/client';
import type { EpochRecord, InterpolateResult, SweepPoint } from '@rift/contracts';

import { accuracyText, duration } from '../output/format.js';
import { table } from '../output/table.js';

/** One epoch as scripts read it; what was not measured is null. */
export interface EpochDocument {
  readonly epoch: number;
  readonly learningRate: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly selectionStandard: number | null;
  readonly selectionAdversarial: number | null;
  readonly seconds: number;
}

const measured = (value: number): number | null => (value < 0 ? null : value);

/** Every epoch, as scripts read it. */
export function epochDocuments(epochs: readonly EpochRecord[]): EpochDocument[] {
  return epochs.map((epoch) => ({
    ...epoch,
    selectionStandard: measured(epoch.selectionStandard),
    selectionAdversarial: measured(epoch.selectionAdversarial),
  }));
}

/** The epochs for people; the one kept is marked. */
export function epochsText(epochs: readonly EpochDocument[], chosen: number, columns?: number): string {
  const cell = (value: number | null): string => (value === null ? '–' : (value * 100).toFixed(2));
  return table(
    [
      { title: 'epoch', right: true },
      { title: 'rate', right: true, optional: true },
      { title: 'loss', right: true },
      { title: 'train %', right: true },
      { title: 'held-out %', right: true },
      { title: 'held-out adv. %', right: true },
      { title: 'time', right: true, optional: true },
      { title: '' },
    ],
    epochs.map((epoch) => [
      String(epoch.epoch),
      String(Number(epoch.learningRate.toPrecision(3))),
      epoch.loss.toFixed(4),
      cell(epoch.accuracy),
      cell(epoch.selectionStandard),
      cell(epoch.selectionAdversarial),
      duration(epoch.seconds),
      epoch.epoch === chosen ? 'kept' : '',
    ]),
    columns,
  );
}

/** The learning rates of a sweep for people, with a blank line after them; empty without a sweep. */
export function sweepText(sweep: readonly SweepPoint[], columns?: number): string {
  if (sweep.length === 0) return '';
  const best = Math.max(...sweep.map(({ selectionStandard }) => selectionStandard));
  const rows = sweep.map(({ learningRate, selectionStandard }) => [
    String(learningRate),
    (selectionStandard * 100).toFixed(2),
    selectionStandard === best ? 'best' : '',
  ]);
  return `${table([{ title: 'rate', right: true }, { title: 'held-out %', right: true }, { title: '' }], rows, columns)}\n\n`;
}

/** One position on the line, as scripts read it. */
export interface AlphaDocument {
  readonly alpha: number;
  readonly standard: Accuracy;
  readonly adversarial: Accuracy;
}

/** Every position on the line, as scripts read it. */
export function alphaDocuments({ points }: InterpolateResult): AlphaDocument[] {
  const none = { correct: 0, total: 0 };
  return points.map(({ alpha, standard, adversarial }) => ({
    alpha,
    standard: accuracyOf(standard ?? none),
    adversarial: accuracyOf(adversarial?.outcome ?? none),
  }));
}

/** The positions for people; the chosen one is marked. */
export function alphasText(points: readonly AlphaDocument[], chosen: number, columns?: number): string {
  return table(
    [{ title: 'alpha', right: true }, { title: 'standard', right: true }, { title: 'adversarial', right: true }, { title: '' }],
    points.map(({ alpha, standard, adversarial }) => [
      String(Number(alpha.toFixed(4))),
      accuracyText(standard),
      accuracyText(adversarial),
      alpha === chosen ? 'chosen' : '',
    ]),
    columns,
  );
}
