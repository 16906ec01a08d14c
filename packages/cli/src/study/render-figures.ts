import { points } from '../output/format.js';
import type { CellResult } from './collect.js';
import type { StudyDocument } from './document.js';
import { FIGURE_1_FACTS, FIGURE_3_MODULES } from './published.js';
import { markdownTable } from './markdown.js';

const share = (value: number): string => (value * 100).toFixed(2);

/** Figure 1 as a table of points: every fine-tuning's walk from the original weights. */
export function figure1({ cells }: StudyDocument): string {
  const done = cells.filter(({ state }) => state === 'done');
  const rows = done.flatMap((cell) => {
    const [original] = cell.path;
    return cell.path.map(({ alpha, standard, adversarial }, index) => [
      index === 0 ? `${cell.title}${cell.modules.length === 1 ? ` (${cell.modules[0]})` : ''}` : '',
      String(Number(alpha.toFixed(4))),
      share(standard.accuracy),
      share(adversarial.accuracy),
      original === undefined ? '' : points(standard.accuracy - original.standard.accuracy),
      original === undefined ? '' : points(adversarial.accuracy - original.adversarial.accuracy),
      alpha === cell.alpha ? 'chosen' : '',
    ]);
  });
  const failed = cells.filter(({ state }) => state === 'failed').map(({ title, error }) => `- ${title}: failed: ${error}`);
  return [
    'Percent on the images that choose alpha; changes in points against alpha = 0.',
    markdownTable(['fine-tuned', 'alpha', 'Std', 'Adv', 'Δ Std', 'Δ Adv', ''], rows),
    ...failed,
    `The paper says:\n\n${FIGURE_1_FACTS.map((fact) => `- ${fact}`).join('\n')}`,
  ].join('\n\n');
}

/** Figure 3 as a table: criticality and lost robust accuracy of every module, profile by profile. */
export function figure3({ cells }: StudyDocument): string {
  return cells.flatMap((cell) => [`## ${cell.title}, seed ${cell.seed}`, modulesOf(cell)]).join('\n\n');
}

function modulesOf(cell: CellResult): string {
  if (cell.state === 'failed') return `failed: ${cell.error}`;
  const rows = cell.criticality.map(({ name, mrc, standardError, robustAccuracyDrop, perturbationRatio }) => {
    const published = FIGURE_3_MODULES.find((module) => module.name === name);
    return [
      name,
      mrc.toFixed(4),
      standardError.toFixed(4),
      share(robustAccuracyDrop),
      perturbationRatio.toFixed(3),
      published?.mrc?.toFixed(2) ?? '',
      published === undefined ? '' : share(published.robustAccuracyDrop),
    ];
  });
  const seconds = cell.criticality.reduce((sum, module) => sum + module.seconds, 0);
  return [
    `Loss ${cell.baseLoss?.toFixed(4) ?? '?'} and accuracy ${share(cell.baseAccuracy ?? 0)} % before any change; ${seconds.toFixed(1)} s for all modules.`,
    markdownTable(['module', 'MRC', '± s.e.', 'Adv lost, points', '‖Δ‖/‖θ‖', 'paper MRC', 'paper Adv lost'], rows),
  ].join('\n\n');
}
