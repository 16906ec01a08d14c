import type { AlphaPoint, EpochRecord, EvaluateResult, Outcome, StageResult } from '@rift/contracts';
import { attackName } from '../report/data/names.js';
import { percent, plainSpaces, significant } from '../report/format.js';

/** One key figure of what a stage found. */
export interface StageFigure {
  /** What it is, in words. */
  readonly name: string;
  /** Accuracies are fractions. */
  readonly value: number | string;
  /** Name and value for people. */
  readonly text: string;
}

/** The figures that tell a stage's result in one line; none of a result that has none, such as a corrupted split. */
export function keyFigures(result: StageResult): StageFigure[] {
  const { craft, criticality, fineTune, train, interpolate, evaluate, report } = result;
  if (craft) return [...accuracy('accuracy', craft.standard), ...accuracy('accuracy under attack', craft.outcome?.outcome)];
  if (criticality) {
    const { modules, estimates, baseLoss } = criticality;
    const least = modules[0];
    if (!least) return [number('estimated modules', estimates.length)];
    return [
      number('measured modules', modules.length),
      { name: 'least critical module', value: least.name, text: `least critical ${least.name}` },
      number('its MRC', least.mrc),
      number('loss before', baseLoss),
    ];
  }
  if (fineTune) return epochFigures(fineTune);
  if (train) return epochFigures(train);
  if (interpolate) {
    const { points, chosenAlpha } = interpolate;
    const chosen = points.find(({ alpha }) => alpha === chosenAlpha);
    return [number('points', points.length), number('alpha', chosenAlpha), ...(chosen ? pointFigures(chosen) : [])];
  }
  if (evaluate) return evaluationFigures(evaluate);
  return report ? [{ name: 'verdict', value: report.verdict, text: report.verdict }] : [];
}

function number(name: string, value: number): StageFigure {
  if (!Number.isFinite(value)) return { name, value: 'not finite', text: `${name} not finite` };
  return { name, value, text: `${name} ${Number.isInteger(value) ? value : significant(value)}` };
}

function share(name: string, value: number): StageFigure {
  return { name, value, text: `${name} ${plainSpaces(percent(value, 1))}` };
}

function accuracy(name: string, outcome: Outcome | null | undefined): StageFigure[] {
  return outcome && outcome.total > 0 ? [share(name, outcome.correct / outcome.total)] : [];
}

/** What was not measured is negative. */
function epochFigures({ epochs, chosenEpoch }: { readonly epochs: readonly EpochRecord[]; readonly chosenEpoch: number }): StageFigure[] {
  const kept = epochs.find(({ epoch }) => epoch === chosenEpoch) ?? epochs.at(-1);
  if (!kept) return [];
  return [
    number('epochs', epochs.length),
    number('kept epoch', kept.epoch),
    number('loss', kept.loss),
    ...(kept.selectionStandard < 0 ? [] : [share('held-out accuracy', kept.selectionStandard)]),
    ...(kept.selectionAdversarial < 0 ? [] : [share('held-out accuracy under attack', kept.selectionAdversarial)]),
  ];
}

function pointFigures({ standard, adversarial }: AlphaPoint): StageFigure[] {
  return [...accuracy('accuracy there', standard), ...accuracy('accuracy under attack there', adversarial?.outcome)];
}

function evaluationFigures({ standard, attacks, corruptions }: EvaluateResult): StageFigure[] {
  const cells = corruptions.flatMap(({ severities }) =>
    severities.flatMap(({ outcome }) => (outcome && outcome.total > 0 ? [outcome] : [])),
  );
  const mean = cells.reduce((sum, { correct, total }) => sum + correct / total, 0) / Math.max(1, cells.length);
  return [
    ...accuracy('accuracy', standard),
    ...attacks.flatMap(({ attack, outcome }) => (attack ? accuracy(`under ${attackName(attack)}`, outcome) : [])),
    ...(cells.length === 0 ? [] : [share(`mean of ${corruptions.length} corruption${corruptions.length === 1 ? '' : 's'}`, mean)]),
  ];
}
