import type { Run, RunState } from '@rift/contracts';
import { duration, percent } from '../../report/format.js';
import { html, Html, type Content } from '../../report/page/html.js';
import type { Page } from '../layout.js';
import {
  hasEnded,
  runPath,
  runTitle,
  secondsOf,
  shareOf,
  shortName,
  stageOf,
  stagePhrase,
  stagesDone,
  statePill,
  time,
  timeLeft,
} from '../words.js';

const FILTERS: readonly (readonly [RunState, string])[] = [
  ['RUN_STATE_UNSPECIFIED', 'All'],
  ['RUN_STATE_RUNNING', 'Running'],
  ['RUN_STATE_QUEUED', 'Queued'],
  ['RUN_STATE_SUCCEEDED', 'Succeeded'],
  ['RUN_STATE_FAILED', 'Failed'],
  ['RUN_STATE_CANCELLED', 'Cancelled'],
];

/** A page of the list of runs. */
export interface RunList {
  readonly runs: readonly Run[];
  readonly nextPageToken: string;
  readonly state: RunState;
  readonly hasNetworks: boolean;
  /** Names of registered networks and data sets by digest. */
  readonly names: ReadonlyMap<string, string>;
}

/** The list of runs, from which two can be picked to be compared. */
export function runListPage(list: RunList): Page {
  return {
    title: 'Runs',
    place: 'runs',
    isPolled: list.runs.some(({ state }) => !hasEnded(state)),
    lead: html`<p>Each run takes a robust network and tries to give its ordinary accuracy back without losing robustness.</p>`,
    body: list.runs.length === 0 && list.state === 'RUN_STATE_UNSPECIFIED' ? empty(list.hasNetworks) : listed(list),
  };
}

function empty(hasNetworks: boolean): Html {
  return html`<section class="empty" aria-labelledby="empty-title">
    <h2 id="empty-title">No runs yet</h2>
    <p>
      ${
        hasNetworks
          ? 'Choose a network and a data set; everything else has sensible defaults.'
          : 'First the service needs a robust checkpoint and a data set. Bring both here, or with “rift import” and “rift data add” on the command line.'
      }
    </p>
    <p>
      ${
        hasNetworks
          ? html`<a class="button primary" href="/runs/new">Start a run</a>`
          : html`<a class="button primary" href="/networks#import">Bring a network</a>
              <a class="button" href="/datasets#import">Bring a data set</a>`
      }
    </p>
  </section>`;
}

function listed({ runs, nextPageToken, state, names }: RunList): Html {
  return html`<ul class="filters">
      ${FILTERS.map(([value, words]) => {
        const href = value === 'RUN_STATE_UNSPECIFIED' ? '/runs' : `/runs?state=${value.replace('RUN_STATE_', '').toLowerCase()}`;
        return html`<li><a href="${href}" ${value === state && new Html('aria-current="true"')}>${words}</a></li>`;
      })}
    </ul>
    <section aria-label="Runs">
      ${
        runs.length === 0
          ? html`<p class="quiet">No run is in this state.</p>`
          : html`<form method="get" action="/compare">
              <table class="rows">
                <thead>
                  <tr>
                    <th scope="col">Run</th>
                    <th scope="col">State</th>
                    <th scope="col">Now</th>
                    <th scope="col">On</th>
                    <th scope="col">Time</th>
                    <th scope="col"><span title="Pick two runs to compare them">Compare</span></th>
                  </tr>
                </thead>
                <tbody>
                  ${runs.map((run) => row(run, names))}
                </tbody>
              </table>
              <div class="below">
                <p>Pick two runs to see them side by side.</p>
                <button>Compare</button>
              </div>
            </form>`
      }
    </section>
    ${nextPageToken !== '' && html`<p><a class="button" href="?${new URLSearchParams({ state: state.replace('RUN_STATE_', '').toLowerCase(), pageToken: nextPageToken }).toString()}">Older runs</a></p>`}`;
}

function row(run: Run, names: ReadonlyMap<string, string>): Html {
  const { settings } = run;
  const seconds = secondsOf(run);
  const named = (nameOrDigest = ''): string => names.get(nameOrDigest) ?? shortName(nameOrDigest);
  return html`<tr>
    <th scope="row"><a href="${runPath(run.id)}">${runTitle(run)}</a><small>${time(run.createdAt)}</small></th>
    <td>${statePill(run.state)}</td>
    <td class="doing">${doing(run)}</td>
    <td class="wide-only">
      ${named(settings?.network) || '–'}<small
        >${named(settings?.dataset)}${
          settings && settings.profile !== 'PROFILE_UNSPECIFIED' && ` · ${settings.profile.replace('PROFILE_', '').toLowerCase()}`
        }</small
      >
    </td>
    <td class="wide-only">${seconds > 0 ? duration(seconds) : '–'}</td>
    <td class="pick"><input type="checkbox" name="run" value="${run.id}" aria-label="Compare ${runTitle(run)}" /></td>
  </tr>`;
}

function doing(run: Run): Content {
  const { done, total } = stagesDone(run);
  if (run.failure) return html`<small>${run.failure.message}</small>`;
  if (hasEnded(run.state)) return html`<small>${done} of ${total} stages done</small>`;
  const current = run.stages.find(({ state }) => state === 'RUN_STATE_RUNNING');
  const inCurrent = run.stages.reduce((sum, status) => sum + (status.state === 'RUN_STATE_RUNNING' ? (shareOf(status) ?? 0) : 0), 0);
  const share = total > 0 ? (done + inCurrent) / total : 0;
  const left = current && timeLeft(current);
  return html`<progress max="1" value="${share.toFixed(4)}" aria-label="Progress of ${runTitle(run)}">${percent(share, 0)}</progress>
    <small>${current ? stagePhrase(stageOf(run.plan, current.id)) : 'waiting'}${left !== undefined && `, ${left}`}</small>`;
}
