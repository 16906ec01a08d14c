import { corruptionChart } from '../charts/changes.js';
import { figure } from '../charts/svg.js';
import type { AttackData, CorruptionRowData, ReportData } from '../data/types.js';
import { count, corruptionName, duration, percent, significant } from '../format.js';
import { pixels } from '../data/names.js';
import { diagnosticsPart } from './diagnostics.js';
import { html, type Content, type Html } from './html.js';
import { changeCell, exact, table, toneOf, whole, type Section } from './parts.js';

/** Largest excess over epsilon that float32 arithmetic explains. */
const FLOAT32_SLACK = 1e-6;

const SEVERITIES = [1, 2, 3, 4, 5] as const;

/** Accuracy under each corruption and severity, before → after. */
export function corruptionsSection(data: ReportData): Section | undefined {
  if (data.corruptions.length === 0) return undefined;
  const measured = SEVERITIES.filter((severity) =>
    data.corruptions.some((row) => row.severities.some((cell) => cell.severity === severity)),
  );
  const chart = corruptionChart(data);
  const isCompared = data.corruptions.some(({ change }) => change !== null);
  return {
    id: 'corruptions',
    title: 'Accuracy under corruptions',
    body: html`${chart && figure(chart)}
    ${table({
      caption: `Accuracy under each corruption by severity, percent${isCompared ? ', before → after' : ''}`,
      head: ['Corruption', ...measured.map((severity) => `Severity ${severity}`), 'Mean', ...(isCompared ? ['Change (points)'] : [])],
      rows: data.corruptions.map((row): Content[] => [
        html`${corruptionName(row.name)}${!row.standard && html` <small>beyond the standard 15, not in the mean</small>`}`,
        ...measured.map((severity) => severityCell(row, severity)),
        beforeAfter(row.before, row.after),
        ...(isCompared ? [changeCell(row.change)] : []),
      ]),
    })}
    ${
      isCompared &&
      html`<p class="reading">
        ▲ and ▼ mark changes that are significant on their own (exact McNemar test, p &lt; 0.05). Of so many cells about one in twenty is
        marked by chance alone; the mean is what counts.
      </p>`
    }
    ${
      data.change.meanCorruptionError !== null &&
      html`<p class="reading">
        Mean corruption error after, against the network before:
        ${exact(data.change.meanCorruptionError, percent(data.change.meanCorruptionError, 1))} (errors over severities, summed, over those
        of the base; 100 % is as bad, less is better).
      </p>`
    }`,
  };
}

function severityCell(row: CorruptionRowData, severity: number): Content {
  const cell = row.severities.find((entry) => entry.severity === severity);
  if (!cell) return '–';
  const mark = cell.change && toneOf(cell.change);
  const sign =
    mark === 'gain'
      ? html`<span class="mark gain" title="significant gain">▲</span>`
      : mark === 'loss'
        ? html`<span class="mark loss" title="significant loss">▼</span>`
        : html`<span class="mark"></span>`;
  return html`<span class="cell">${beforeAfter(cell.before?.accuracy ?? null, cell.after?.accuracy ?? null)}${sign}</span>`;
}

function beforeAfter(before: number | null, after: number | null): Html {
  const show = (value: number | null): Content => (value === null ? '–' : exact(value, (100 * value).toFixed(1)));
  if (before === null || after === null) return html`${show(before ?? after)}`;
  return html`<span class="pair"><span class="was">${show(before)}</span> → ${show(after)}</span>`;
}

/** What was checked on the attacks themselves. */
export function attacksSection(data: ReportData): Section | undefined {
  const attacks = [
    ...data.before.attacks.map((attack) => ({ when: 'before', attack })),
    ...data.after.attacks.map((attack) => ({ when: 'after', attack })),
  ];
  if (attacks.length === 0) return undefined;
  const ladders = attacks.filter(({ attack }) => attack.stages.length > 0);
  const flagged = attacks.filter(({ attack }) => attack.flags.length > 0);
  return {
    id: 'attacks',
    title: 'Can the attacks be trusted?',
    body: html`<p>
        A robust accuracy is only as good as the attack that failed to lower it.
        ${
          isSound(attacks.map(({ attack }) => attack)) &&
          'Every adversarial image was checked: no perturbation is larger than ε, every pixel lies within [0, 1], no element is not a number.'
        }
      </p>
      ${table({
        caption: 'Attacks and the checks on their images',
        head: [
          'Attack',
          'Network',
          'Images',
          'Accuracy',
          'Largest |\u2060δ\u2060|',
          'Pixel range',
          'Not a number',
          'Images changed',
          'Images × steps / s',
        ],
        wordColumns: 2,
        rows: attacks.map(({ when, attack }): Content[] => auditRow(when, attack)),
      })}
      ${
        ladders.length > 0 &&
        table({
          caption: 'Images still classified right after each attack of a list',
          head: ['Attack', ...(ladders[0]?.attack.stages.map(({ name }) => name) ?? []), 'Time'],
          rows: ladders.map(({ when, attack }): Content[] => [
            `${attack.name}, ${when}`,
            ...attack.stages.map(
              ({ robust }) => html`${whole(robust)} <small>${attack.total > 0 && percent(robust / attack.total, 1)}</small>`,
            ),
            duration(attack.stages.reduce((sum, { seconds }) => sum + seconds, 0)),
          ]),
        })
      }
      ${
        flagged.length === 0
          ? html`<p class="ok">The automatic checks found no sign of gradient masking.</p>`
          : html`<ul class="flags">
              ${flagged.flatMap(({ when, attack }) => attack.flags.map((flag) => html`<li><b>${attack.name}, ${when}:</b> ${flag}</li>`))}
            </ul>`
      }
      ${diagnosticsPart(data)}`,
  };
}

/** Whether every attack was audited and its images are within the threat model. */
function isSound(attacks: readonly AttackData[]): boolean {
  return attacks.every(
    ({ maxPerturbation, epsilon, minPixel, maxPixel, nanCount }) =>
      maxPerturbation !== null &&
      maxPerturbation <= epsilon + FLOAT32_SLACK &&
      minPixel !== null &&
      minPixel >= 0 &&
      maxPixel !== null &&
      maxPixel <= 1 &&
      nanCount === 0,
  );
}

function auditRow(when: string, attack: AttackData): Content[] {
  const pixel = (value: number | null): Content => (value === null ? '–' : exact(value, String(Number(value.toPrecision(4)))));
  return [
    html`${attack.name}<small
        >${attack.norm}, ε = ${pixels(attack.epsilon)}, ${attack.stepSize > 0 ? `step ${pixels(attack.stepSize)}` : 'adaptive step'},
        ${attack.randomStart ? 'random start' : 'no random start'}, seed ${attack.seed}</small
      >`,
    when,
    html`${count(attack.total)} <small>${attack.images}</small>`,
    exact(attack.accuracy, percent(attack.accuracy, 1)),
    attack.maxPerturbation === null ? '–' : exact(attack.maxPerturbation, pixels(attack.maxPerturbation)),
    html`${pixel(attack.minPixel)} to ${pixel(attack.maxPixel)}`,
    attack.nanCount === null ? '–' : whole(attack.nanCount),
    attack.imagesChanged === null ? '–' : whole(attack.imagesChanged),
    attack.imagesPerSecond === null ? '–' : significant(attack.imagesPerSecond),
  ];
}
