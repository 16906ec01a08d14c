import { changeChart } from '../charts/changes.js';
import { figure } from '../charts/svg.js';
import type { AccuracyData, ChangeData, EvaluationData, ReportData } from '../data/types.js';
import { decimalsFor, decimalsOf, percent, pointsRange, signedPoints } from '../format.js';
import { html, type Content, type Html } from './html.js';
import { accuracyCell, changeCell, exact, mcnemarCell, table, toneOf, type Section } from './parts.js';

/** What the verdict says at a glance. */
function tone({ conclusion }: ReportData): 'good' | 'mixed' | 'bad' | 'plain' {
  if (conclusion.standard === 'not-measured' && conclusion.adversarial === 'not-measured') return 'plain';
  if (conclusion.adversarial === 'lost' || conclusion.standard === 'lost') return 'bad';
  return conclusion.standard === 'gained' && conclusion.robustnessKept === true ? 'good' : 'mixed';
}

function label({ conclusion }: ReportData): string {
  if (conclusion.standard === 'not-measured' && conclusion.adversarial === 'not-measured') return 'No comparison';
  if (conclusion.adversarial === 'lost') return 'Robustness was lost';
  if (conclusion.standard === 'lost') return 'Standard accuracy was lost';
  if (conclusion.standard !== 'gained') return 'No gain on clean images';
  if (conclusion.adversarial === 'not-measured') return 'Better on clean images, robustness not compared';
  return conclusion.robustnessKept === true ? 'Better, robustness kept' : 'Better, robustness open';
}

/** The verdict, the main figures and what to know before believing them. */
export function verdictBlock(data: ReportData): Html {
  return html`<div class="verdict ${tone(data)}">
      <p class="label">${label(data)}</p>
      <p class="text">${data.verdict}</p>
    </div>
    <div class="tiles">
      ${(
        [
          ['standard', 'Standard accuracy', 'clean images'],
          ['adversarial', 'Adversarial accuracy', (data.after.adversarial ?? data.before.adversarial)?.attack ?? ''],
          ['ood', 'Under corruptions', oodWords(data)],
        ] as const
      ).map(([key, name, note]) =>
        tile({ name, note, before: data.before[key], after: data.after[key], change: data.change[key] }, data.alpha === 0),
      )}
      ${chosenTile(data)}
    </div>
    ${
      data.cautions.length > 0 &&
      html`<aside class="cautions" aria-labelledby="cautions-title">
        <h2 id="cautions-title">Before you rely on these figures</h2>
        <ul>
          ${data.cautions.map((caution) => html`<li>${caution}</li>`)}
        </ul>
      </aside>`
    }`;
}

interface Tile {
  readonly name: string;
  readonly note: string;
  readonly before: AccuracyData | null;
  readonly after: AccuracyData | null;
  readonly change: ChangeData | null;
}

/** @param isSame whether before and after are one network, whose change would be no measurement. */
function tile({ name, note, before, after, change }: Tile, isSame: boolean): Content {
  if (!before && !after) return null;
  const show = (value: AccuracyData | null): Content => value && exact(value.accuracy, percent(value.accuracy, decimalsOf(value)));
  return html`<div class="tile">
    <h2>${name}</h2>
    <p class="note">${note}</p>
    <p class="figures">
      ${before && after && html`<span class="was">${show(before)}</span><span class="arrow"> → </span>`}<b>${show(after ?? before)}</b>
    </p>
    ${change && isSame && html`<p class="change same">unchanged <small>the original network was kept</small></p>`}
    ${
      change &&
      !isSame &&
      html`<p class="change ${toneOf(change)}">
        ${exact(change.difference, signedPoints(change.difference, decimalsFor(change.images)))} points
        <small>${change.significant ? '' : 'not significant, '}95 % CI ${pointsRange(change.ci95, decimalsFor(change.images))}</small>
      </p>`
    }
  </div>`;
}

function chosenTile(data: ReportData): Content {
  if (!data.fineTune && data.alpha === null) return null;
  const what =
    data.modules.length > 0
      ? data.modules.join(', ')
      : data.fineTune?.scope === 'all'
        ? 'all parameters'
        : data.fineTune
          ? 'the last layer'
          : 'given networks';
  return html`<div class="tile">
    <h2>${data.alpha === 0 ? 'What was tried' : 'What was done'}</h2>
    <p class="note">fine-tuned on clean images</p>
    <p class="figures module"><b>${what}</b></p>
    ${data.alpha !== null && html`<p class="change same">α = ${exact(data.alpha, String(data.alpha))} <small>${data.alpha === 0 ? 'nothing of it was kept' : 'of the way to the fine-tuned weights'}</small></p>`}
  </div>`;
}

function oodWords(data: ReportData): string {
  const ood = data.after.ood ?? data.before.ood;
  return ood ? `mean of ${ood.corruptions.length} corruption${ood.corruptions.length === 1 ? '' : 's'}` : '';
}

/** The table of all accuracies with intervals and tests. */
export function accuraciesSection(data: ReportData): Section | undefined {
  const isAlone = isEmpty(data.before) || isEmpty(data.after);
  const rows: Content[][] = [];
  const add = (name: Content, before: AccuracyData | null, after: AccuracyData | null, change: ChangeData | null): void => {
    if (!before && !after) return;
    const both = [accuracyCell(before), accuracyCell(after), changeCell(change), bootstrapCell(change), mcnemarCell(change)];
    rows.push([name, ...(isAlone ? [accuracyCell(before ?? after)] : both)]);
  };
  add('Standard (clean)', data.before.standard, data.after.standard, data.change.standard);
  const attack = (data.after.adversarial ?? data.before.adversarial)?.attack;
  add(html`Adversarial <small>${attack}</small>`, data.before.adversarial, data.after.adversarial, data.change.adversarial);
  const alone = isAlone ? [...data.before.attacks, ...data.after.attacks] : [];
  if (alone.length > 1) for (const attack of alone) add(html`<span class="sub">${attack.name}</span>`, attack, null, null);
  if (data.change.attacks.length > 1) {
    for (const { name, before, after, change } of data.change.attacks) add(html`<span class="sub">${name}</span>`, before, after, change);
  }
  add(html`Corruptions <small>${oodWords(data)}</small>`, data.before.ood, data.after.ood, data.change.ood);
  if (rows.length === 0) return undefined;
  const chart = changeChart(data);
  const sure = data.conclusion.supportedMargin;
  return {
    id: 'accuracies',
    title: isAlone ? 'Accuracies' : 'Before and after',
    body: html`${chart && figure(chart)}
      ${table({
        caption: isAlone ? 'Accuracies with 95 % intervals' : 'Accuracies before and after, with 95 % intervals',
        head: isAlone ? ['', 'Accuracy'] : ['', 'Before', 'After', 'Change (points)', 'Bootstrap 95 % CI', 'McNemar p'],
        rows,
      })}
      <p class="reading">
        Intervals of accuracies are Wilson's (over images for the mean of corruptions).
        ${!isAlone && 'Changes are paired, image by image, so that they are far sharper than two intervals side by side.'}
        ${sure !== null && html`Under attack the data rule out a loss above ${exact(sure, pointsUp(sure, data))} points (one-sided 95 %).`}
      </p>`,
  };
}

function isEmpty({ standard, adversarial, ood }: EvaluationData): boolean {
  return !standard && !adversarial && !ood;
}

/** Rounded up, so that what is ruled out does not look smaller than it is. */
function pointsUp(margin: number, data: ReportData): string {
  const decimals = decimalsFor(data.change.adversarial?.images ?? 0);
  const scale = 10 ** (decimals + 2);
  return ((100 * Math.ceil(margin * scale - 1e-9)) / scale).toFixed(decimals);
}

function bootstrapCell(change: ChangeData | null): Html {
  if (!change?.bootstrap95) return html`–`;
  return html`<span class="value">${pointsRange(change.bootstrap95, decimalsFor(change.images))}</span>`;
}
