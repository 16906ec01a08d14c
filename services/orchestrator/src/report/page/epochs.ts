import { epochCharts } from '../charts/epochs.js';
import { figure } from '../charts/svg.js';
import type { EpochsData, ReportData } from '../data/types.js';
import { duration, percent } from '../format.js';
import { html, type Content, type Html } from './html.js';
import { exact, facts, number, table, type Section } from './parts.js';

/** Learning curves and the table behind them. */
export function epochsBlock(data: EpochsData, caption: string): Html {
  return html`${epochCharts(data).map(figure)}
    <details>
      <summary>All ${data.epochs.length} epochs as a table</summary>
      ${table({
        caption,
        head: ['Epoch', 'Learning rate', 'Training loss', 'Training accuracy', 'Selection, standard', 'Selection, adversarial', 'Time'],
        rows: data.epochs.map((epoch): Content[] => [
          html`${epoch.epoch}${epoch.epoch === data.chosenEpoch && html` <b>kept</b>`}`,
          number(epoch.learningRate),
          number(epoch.loss),
          ...[epoch.accuracy, epoch.selectionStandard, epoch.selectionAdversarial].map((value) =>
            value === null ? '–' : exact(value, percent(value, 2)),
          ),
          duration(epoch.seconds),
        ]),
      })}
    </details>`;
}

/** Learning curves of the training that made the run's network. */
export function trainingSection({ training }: ReportData): Section | undefined {
  if (!training || training.epochs.length === 0) return undefined;
  const known = [
    ['Method', training.method],
    ['Training attack', training.attack ?? 'none'],
    ['Batch norm while crafting', training.attack === null ? null : training.batchNorm],
    ['Images', training.images],
    ['Generated images', training.extra],
    ['Selection images', training.selection],
    ['Epochs', `${training.epochs.length} of ${training.plannedEpochs}`],
    ['Epoch kept', exact(training.chosenEpoch, String(training.chosenEpoch))],
  ] as const;
  return {
    id: 'training',
    title: 'Adversarial training',
    body: html`${training.ended !== null && html`<p>Training ended early: ${training.ended}.</p>`}
    ${epochsBlock(training, 'Epochs of the training')}
    ${facts(known.flatMap(([name, value]): [string, Content][] => (value === null ? [] : [[name, value]])))}`,
  };
}
