import { criticalityChart } from '../charts/criticality.js';
import { pathChart } from '../charts/path.js';
import { figure } from '../charts/svg.js';
import type { CriticalityData, PathPointData, ReportData } from '../data/types.js';
import { decimalsFor, duration, percent, points, signedPoints } from '../format.js';
import { epochsBlock } from './epochs.js';
import { html, type Content } from './html.js';
import { accuracyCell, changeCell, exact, facts, number, table, whole, type Section } from './parts.js';

/** Which module matters least for robustness, and how sure that is. */
export function criticalitySection({ criticality }: ReportData): Section | undefined {
  if (!criticality || criticality.modules.length === 0) return undefined;
  const { baseLoss, baseAccuracy } = criticality;
  return {
    id: 'criticality',
    title: 'Which module matters least for robustness',
    body: html`<p>${criticality.reason}</p>
      ${figure(criticalityChart(criticality))}
      <details>
        <summary>All ${criticality.modules.length} modules as a table</summary>
        ${table({
          caption: 'Module robust criticality, least critical first',
          head: [
            'Module',
            'MRC (nats)',
            'Standard error',
            'Robust accuracy lost (points)',
            'Relative weight change',
            'First-order estimate',
            'Epochs not finite',
            'Time',
          ],
          rows: criticality.modules.map((module): Content[] => [
            html`<code>${module.name}</code
              >${module.chosen && html` <b>fine-tuned</b>`}${module.tied && !module.chosen && html` <small>tied</small>`}`,
            number(module.mrc),
            number(module.standardError),
            module.robustAccuracyDrop === null
              ? '–'
              : exact(module.robustAccuracyDrop, signedPoints(module.robustAccuracyDrop, 1).replace('+', '')),
            number(module.perturbationRatio),
            number(module.firstOrder),
            whole(module.nanEpochs),
            duration(module.seconds),
          ]),
        })}
      </details>
      ${facts([
        ['Images', criticality.images ?? 'an adversarial set that was given'],
        ['Loss on the adversarial set', number(baseLoss)],
        ['Accuracy on the adversarial set', baseAccuracy === null ? '–' : exact(baseAccuracy, percent(baseAccuracy, 1))],
        ['Weight ball', `radius ${criticality.weightEpsilon} of the module's norm`],
        ['Maximiser', criticality.ascent],
        ...seedFacts(criticality),
      ])}
      ${criticality.greedy.length > 0 && greedyTable(criticality.greedy)}`,
  };
}

/** How far seeds agree, and what was left unmeasured. */
function seedFacts({ stability, pruned }: CriticalityData): [string, Content][] {
  const share = (value: number | null): Content => (value === null ? '–' : exact(value, percent(value, 1)));
  const seeds: [string, Content][] = stability
    ? [
        ['Seeds', whole(stability.seeds)],
        ['Rank correlation of the seeds', number(stability.spearman)],
        ['Seeds with this least critical module', share(stability.leastAgreement)],
        ['Largest spread of one module over the seeds', share(stability.largestSpread)],
      ]
    : [];
  return pruned > 0 ? [...seeds, ['Left unmeasured by their first-order estimate', `${pruned} modules`]] : seeds;
}

function greedyTable(steps: CriticalityData['greedy']): Content {
  return table({
    caption: 'Modules added one after the other by their joint criticality',
    head: ['Module added', 'Joint MRC (nats)', 'Candidates measured'],
    rows: steps.map(({ added, mrc, tried }): Content[] => [html`<code>${added}</code>`, number(mrc), whole(tried)]),
  });
}

/** How far the walk between old and new weights went, and why it stopped there. */
export function pathSection({ interpolate }: ReportData): Section | undefined {
  if (!interpolate || interpolate.points.length === 0) return undefined;
  const canDraw = interpolate.points.some((point) => point.standardChange);
  return {
    id: 'path',
    title: 'How far to walk to the fine-tuned weights',
    body: html`<p>${interpolate.reason}</p>
      ${canDraw && figure(pathChart(interpolate))}
      <details>
        <summary>All ${interpolate.points.length} points as a table</summary>
        ${table({
          caption: 'Accuracies on the line; changes against alpha = 0 on the same images',
          head: ['Alpha', 'Standard', 'Change', 'Adversarial', 'Change', 'Lower bound (one-sided 95 %)', 'Within the rule'],
          rows: interpolate.points.map(pathRow),
        })}
      </details>
      ${facts([
        ['Rule', interpolate.rule],
        ['Margin', html`${exact(interpolate.margin, points(interpolate.margin, 2))} points of adversarial accuracy`],
        ['Attack', interpolate.attack],
        ['Images', interpolate.images ?? '–'],
      ])}`,
  };
}

function pathRow(point: PathPointData): Content[] {
  const bound = point.adversarialChange;
  return [
    html`${exact(point.alpha, String(point.alpha))}${point.chosen && html` <b>chosen</b>`}`,
    accuracyCell(point.standard),
    changeCell(point.standardChange),
    accuracyCell(point.adversarial),
    changeCell(bound),
    bound ? exact(bound.lowerBound95, signedPoints(bound.lowerBound95, decimalsFor(bound.images))) : '–',
    point.allowed ? 'yes' : 'no',
  ];
}

/** Losses and accuracies of the fine-tuning. */
export function fineTuneSection({ fineTune }: ReportData): Section | undefined {
  if (!fineTune) return undefined;
  const changed = Object.entries(fineTune.relativeChange);
  return {
    id: 'fine-tuning',
    title: 'Fine-tuning on clean images',
    body: html`${epochsBlock(fineTune, 'Epochs of the fine-tuning')}
    ${facts([
      ['Weights that moved', fineTune.scope],
      ['Batch norm', fineTune.batchNorm],
      ...fineTune.sweep.map(({ learningRate, selectionStandard }): [string, Content] => [
        `Swept learning rate ${learningRate}`,
        selectionStandard === null ? '–' : html`${exact(selectionStandard, percent(selectionStandard, 2))} on the selection images`,
      ]),
      ['Epoch kept', exact(fineTune.chosenEpoch, String(fineTune.chosenEpoch))],
      ...changed.map(([name, value]): [string, Content] => [`Relative change of ${name}`, number(value)]),
    ])}`,
  };
}
