import type { Run, RunSettings } from '@rift/contracts';
import { changeChart } from '../../report/charts/changes.js';
import { figure } from '../../report/charts/svg.js';
import { changesOf, figuresOf, type Changes } from '../../report/data/evaluation.js';
import type { AccuracyData, ChangeData, ReportData } from '../../report/data/types.js';
import { duration } from '../../report/format.js';
import { html, Html, type Content } from '../../report/page/html.js';
import { accuracyCell, changeCell, mcnemarCell, section, table } from '../../report/page/parts.js';
import type { Page } from '../layout.js';
import type { RunModel } from '../run/model.js';
import { runPath, runTitle, secondsOf, shortName, statePill } from '../words.js';
import { moduleChart, pathsChart } from '../charts/compare.js';

/** The page before two runs are picked. */
export function choosePage(runs: readonly Run[], picked: readonly string[], problem?: string): Page {
  const select = (name: string, label: string, value: string | undefined): Html =>
    html`<div class="field">
      <label for="${name}">${label}</label>
      <select id="${name}" name="${name}">
        ${runs.map((run) => html`<option value="${run.id}" ${run.id === value && new Html('selected')}>${runTitle(run)}, ${run.id.slice(0, 8)}</option>`)}
      </select>
    </div>`;
  return {
    title: 'Compare two runs',
    place: 'compare',
    lead: html`<p>
      Settings, accuracies with paired tests where both read the same images, criticality and the walk between the weights.
    </p>`,
    body:
      runs.length < 2
        ? html`<section class="empty" aria-labelledby="few-title">
            <h2 id="few-title">Two runs are needed</h2>
            <p>There ${runs.length === 1 ? 'is one run' : 'are no runs'} so far.</p>
            <p><a class="button primary" href="/runs/new">Start a run</a></p>
          </section>`
        : html`${problem !== undefined && html`<section class="notice" role="alert" aria-label="What is wrong"><p>${problem}</p></section>`}
            <form method="get" action="/compare" class="sheet">
              <fieldset>
                <legend>Which runs</legend>
                <div class="fields">
                  ${select('a', 'First', picked[0] ?? runs[1]?.id)}
                  ${select('b', 'Second', picked[1] ?? runs.find(({ id }) => id !== picked[0])?.id)}
                </div>
              </fieldset>
              <div class="submit"><button class="primary">Compare</button></div>
            </form>`,
  };
}

/** Two runs side by side. */
export function comparePage(a: RunModel, b: RunModel): Page {
  const changes = changesBetween(a, b);
  return {
    title: 'Two runs compared',
    place: 'compare',
    lead: html`<p><b>A</b> ${link(a.run)} and <b>B</b> ${link(b.run)}</p>`,
    actions: html`<a class="button" href="/compare?a=${b.run.id}&amp;b=${a.run.id}">Swap</a>
      <a class="button" href="/compare">Other runs</a>`,
    body: [settingsPart(a, b), accuraciesPart(a, b, changes), modulesPart(a, b), pathsPart(a, b)],
  };
}

function link(run: Run): Html {
  return html`<a href="${runPath(run.id)}">${runTitle(run)}</a>`;
}

/** The networks that the runs ended with, or else those they began with, compared image by image. */
function changesBetween({ input: a }: RunModel, { input: b }: RunModel): Changes | undefined {
  if (!a || !b || a.dataset?.info.digest !== b.dataset?.info.digest) return undefined;
  const last = (input: NonNullable<RunModel['input']>) => figuresOf(input.after.length > 0 ? input.after : input.before);
  return changesOf(last(a), last(b), undefined);
}

function settingsPart(a: RunModel, b: RunModel): Html {
  const of = (model: RunModel): Record<string, Content> => {
    const { run, data } = model;
    const settings: RunSettings | null = run.settings;
    return {
      State: statePill(run.state),
      Network: shortName(settings?.network ?? '') || '–',
      'Data set': shortName(settings?.dataset ?? '') || '–',
      Profile: (settings?.profile ?? '').replace('PROFILE_', '').toLowerCase(),
      Seed: String(settings?.seed ?? 0),
      'Images at most': limitsOf(settings),
      Module: data?.modules.join(', ') || '–',
      α: data?.alpha === null || data === undefined ? '–' : String(data.alpha),
      Time: duration(secondsOf(run)),
      Verdict: model.isReport ? (data?.verdict ?? '–') : 'no report',
    };
  };
  const [left, right] = [of(a), of(b)];
  return section({
    id: 'what',
    title: 'What they are',
    body: table({
      caption: 'Settings and choices; what differs is in bold',
      head: ['', 'A', 'B'],
      wordColumns: 3,
      rows: Object.entries(left).map(([name, value]): Content[] => {
        const other = right[name];
        const differs = String(html`${value}`) !== String(html`${other}`) && name !== 'Time' && name !== 'State';
        return differs ? [name, html`<b>${value}</b>`, html`<b>${other}</b>`] : [name, value, other];
      }),
    }),
  });
}

function limitsOf(settings: RunSettings | null): string {
  const limits = Object.entries(settings?.limits ?? {}).filter(([, limit]) => Number(limit) > 0);
  return limits.length === 0 ? 'all' : limits.map(([name, limit]) => `${name} ${limit}`).join(', ');
}

function accuraciesPart(a: RunModel, b: RunModel, changes: Changes | undefined): Content {
  const end = (data: ReportData | undefined) =>
    data?.after.standard || data?.after.adversarial || data?.after.ood ? data.after : data?.before;
  const [left, right] = [end(a.data), end(b.data)];
  const rows: Content[][] = [];
  const add = (
    name: string,
    one: AccuracyData | null | undefined,
    other: AccuracyData | null | undefined,
    change: ChangeData | null | undefined,
  ): void => {
    if (!one && !other) return;
    rows.push([name, accuracyCell(one ?? null), accuracyCell(other ?? null), changeCell(change ?? null), mcnemarCell(change ?? null)]);
  };
  add('Standard', left?.standard, right?.standard, changes?.standard);
  add('Adversarial', left?.adversarial, right?.adversarial, changes?.adversarial);
  add('Corruptions', left?.ood, right?.ood, changes?.ood);
  if (rows.length === 0) return null;
  const chart = changes && changeChart({ change: changes, conclusion: { margin: b.data?.conclusion.margin ?? 0 } });
  return section({
    id: 'accuracies',
    title: 'Accuracies at the end',
    body: html`${chart && figure({ ...chart, title: 'B against A', caption: 'B minus A on the same images, with paired 95 % intervals. An interval that reaches 0 may be chance.' })}
    ${table({ caption: 'Accuracies of the resulting networks, with 95 % intervals', head: ['', 'A', 'B', 'B − A (points)', 'McNemar p'], rows })}
    ${!changes && html`<p class="reading">The runs read different data sets, so their images cannot be compared one by one.</p>`}`,
  });
}

function modulesPart(a: RunModel, b: RunModel): Content {
  const [left, right] = [a.data?.criticality, b.data?.criticality];
  if (!left || !right) return null;
  const chart = moduleChart(left.modules, right.modules);
  return chart ? section({ id: 'modules', title: 'Criticality of the modules', body: figure(chart) }) : null;
}

function pathsPart(a: RunModel, b: RunModel): Content {
  const [left, right] = [a.data?.interpolate, b.data?.interpolate];
  if (!left || !right) return null;
  const chart = pathsChart(left, right);
  return chart ? section({ id: 'paths', title: 'The walk between the weights', body: figure(chart) }) : null;
}
