import type { Run, WatchRunResponse } from '@rift/contracts';
import { html, type Content, type Html } from '../../report/page/html.js';
import { facts, section } from '../../report/page/parts.js';
import { count } from '../../report/format.js';
import { isoTime } from '../../rest/encode.js';
import type { Page } from '../layout.js';
import { hasEnded, runPath, runTitle, shortName, time } from '../words.js';
import type { RunModel } from './model.js';
import { filesSection } from './files.js';
import { growing, results, verdict } from './parts.js';
import { leadOf, stagesSection } from './stages.js';

/** What the visitor may do. */
export interface Rights {
  readonly maySubmit: boolean;
  readonly mayDelete: boolean;
}

/** The parts of the page that change while the run goes on, by their element's identifier. */
export function fragments(model: RunModel, log: readonly LogLine[], rights: Rights): Record<string, Content> {
  const { run } = model;
  return {
    'run-lead': leadOf(run),
    'run-actions': actions(run, rights),
    'run-verdict': [failureNotice(run), verdict(model)],
    'run-stages': stagesSection(run),
    'run-growing': growing(model),
    'run-results': results(model),
    'run-files': filesSection(model, rights),
    'run-log': logSection(log),
  };
}

/** The page of a run. */
export function runPage(model: RunModel, log: readonly LogLine[], rights: Rights): Page {
  const { run } = model;
  const parts = fragments(model, log, rights);
  const part = (id: string, attributes: Content = null): Html => html`<div id="${id}" ${attributes}>${parts[id]}</div>`;
  // The verdict of a finished run comes first; of one that goes on, where it is.
  return {
    title: runTitle(run),
    place: 'runs',
    lead: part('run-lead'),
    actions: part('run-actions', html`class="actions"`),
    body: html`${part('run-verdict')} ${hasEnded(run.state) ? null : part('run-stages')} ${part('run-growing')} ${part('run-results')}
    ${part('run-files')} ${hasEnded(run.state) ? part('run-stages') : null} ${part('run-log')} ${settingsSection(model)}`,
    ...(hasEnded(run.state) ? {} : { live: `${runPath(run.id, '/live')}?after=${run.lastSequence}` }),
  };
}

function actions(run: Run, { maySubmit, mayDelete }: Rights): Content {
  const id = encodeURIComponent(run.id);
  const isResumable = run.state === 'RUN_STATE_FAILED' || run.state === 'RUN_STATE_CANCELLED';
  return html`${
    run.state === 'RUN_STATE_SUCCEEDED' &&
    run.stages.some(({ result }) => result?.report) &&
    html`<a class="button" href="${runPath(run.id, '/report')}">Report</a>`
  }
  ${hasEnded(run.state) && html`<a class="button" href="/compare?a=${id}">Compare</a>`}
  ${maySubmit && hasEnded(run.state) && html`<a class="button" href="/runs/new?like=${id}">Run again</a>`}
  ${maySubmit && isResumable && html`<form method="post" action="${runPath(run.id, '/resume')}"><button class="primary">Resume</button></form>`}
  ${
    maySubmit &&
    !hasEnded(run.state) &&
    confirmed('cancel', 'Cancel…', {
      text: 'The work stops at once. Finished stages keep their results, and the run can be resumed.',
      action: runPath(run.id, '/cancel'),
      button: 'Cancel the run',
    })
  }
  ${
    mayDelete &&
    hasEnded(run.state) &&
    confirmed('delete', 'Delete…', {
      text: 'The record of the run goes. Its files go too when nothing else refers to them.',
      action: runPath(run.id, '/delete'),
      button: 'Delete the run',
    })
  }`;
}

/** A deed that is asked about first, without a script. */
export function confirmed(id: string, summary: string, { text, action, button }: { text: string; action: string; button: string }): Html {
  return html`<details class="menu" id="menu-${id}">
    <summary class="button">${summary}</summary>
    <div>
      <p>${text}</p>
      <form method="post" action="${action}"><button class="danger" id="${id}-button">${button}</button></form>
    </div>
  </details>`;
}

function failureNotice(run: Run): Content {
  if (!run.failure) return null;
  return html`<section class="notice" aria-label="Why the run failed">
    <p>
      <b>The run failed.</b>
      ${run.failure.message}${run.failure.field !== '' && html` <small>Field: <code>${run.failure.field}</code></small>`}
    </p>
  </section>`;
}

/** A line of a run's log. */
export type LogLine = Pick<WatchRunResponse, 'sequence' | 'at' | 'log'>;

function logSection(log: readonly LogLine[]): Content {
  if (log.length === 0) return null;
  return section({
    id: 'log',
    title: 'Log',
    body: html`<ol class="log" tabindex="0" aria-label="Log of the run">
      ${log.map(({ at, log: line }) => {
        const iso = at ? isoTime(at) : '';
        return html`<li><time datetime="${iso}">${iso.slice(11, 19)}</time><span>${line}</span></li>`;
      })}
    </ol>`,
  });
}

function settingsSection({ run, network }: RunModel): Html {
  const { settings } = run;
  const limits = Object.entries(settings?.limits ?? {}).filter(([, limit]) => Number(limit) > 0);
  const link = (kind: string, name: string): Content =>
    name === '' ? '–' : html`<a href="/${kind}/${encodeURIComponent(name)}">${shortName(name)}</a>`;
  return section({
    id: 'settings',
    title: 'Settings',
    body: html`${facts([
        ['Run', html`<code>${run.id}</code>`],
        [
          'Network',
          html`${link('networks', network?.name || (settings?.network ?? ''))}${network && html` <small>${network.info.arch}, width ${network.info.width}, ${count(Number(network.info.parameters))} parameters</small>`}`,
        ],
        ['Data set', link('datasets', settings?.dataset ?? '')],
        [
          'Profile',
          settings?.profile === 'PROFILE_UNSPECIFIED'
            ? 'a plan of its own'
            : (settings?.profile ?? '').replace('PROFILE_', '').toLowerCase(),
        ],
        ['Seed', String(settings?.seed ?? 0)],
        ['Images at most', limits.length === 0 ? 'all' : limits.map(([name, limit]) => `${name} ${count(Number(limit))}`).join(', ')],
        ['Created', time(run.createdAt)],
        ['Started', time(run.startedAt)],
        ['Ended', time(run.endedAt)],
      ])}
      <details>
        <summary>Complete plan</summary>
        <pre tabindex="0"><code>${JSON.stringify(run.plan, null, 2)}</code></pre>
      </details>`,
  });
}
