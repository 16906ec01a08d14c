import type { Plan, Run, StageStatus } from '@rift/contracts';
import { duration, percent, significant } from '../../report/format.js';
import { html, type Content, type Html } from '../../report/page/html.js';
import { section } from '../../report/page/parts.js';
import { hasEnded, secondsOf, shareOf, stageOf, stagesDone, stagePhrase, statePill, stateWord, timeLeft } from '../words.js';

/** Figures of a stage's progress that are shown; the charts show the others. */
const MOST_FIGURES = 4;

/** The stages of a run with their progress and the time they have left. */
export function stagesSection(run: Run): Html {
  const { done, total } = stagesDone(run);
  return section({
    id: 'stages',
    title: hasEnded(run.state) ? `Stages (${done} of ${total} done)` : `Stage ${Math.min(done + 1, total)} of ${total}`,
    body: html`<ol class="stages">
      ${run.stages.map((status) => stageItem(run.plan, status))}
    </ol>`,
  });
}

function stageItem(plan: Plan | null, status: StageStatus): Html {
  const { id, state, failure, progress } = status;
  const share = shareOf(status);
  const isRunning = state === 'RUN_STATE_RUNNING';
  const title = stagePhrase(stageOf(plan, id));
  return html`<li class="${stateWord(state)}">
    ${statePill(state)}
    <div class="what">${title} ${isRunning && progress && html`<small>${figures(status)}</small>`}</div>
    <div class="how">${howFar(status)}</div>
    ${
      (isRunning || (state === 'RUN_STATE_FAILED' && share !== undefined)) &&
      (share === undefined
        ? html`<progress aria-label="${title}" max="1"></progress>`
        : html`<progress aria-label="${title}" max="1" value="${share.toFixed(4)}">${percent(share, 0)}</progress>`)
    }
    ${failure && html`<p class="failure">${failure.message}</p>`}
  </li>`;
}

function howFar(status: StageStatus): Content {
  const { state, progress, cached, seconds } = status;
  if (state === 'RUN_STATE_SUCCEEDED') return cached ? 'known from an earlier run' : duration(seconds);
  if (state !== 'RUN_STATE_RUNNING') return seconds > 0 ? `stopped after ${duration(seconds)}` : '';
  const left = timeLeft(status);
  const counted = progress && Number(progress.total) > 0 ? `${progress.done} of ${progress.total} ${progress.unit}` : '';
  return html`${counted}${left !== undefined && html`<br />${left}`}`;
}

function figures({ progress }: StageStatus): string {
  const metrics = Object.entries(progress?.metrics ?? {}).filter(([name]) => !name.includes('.'));
  // "pgd, 10 steps: robust after pgd": the phase names the attack already.
  const shown = metrics.slice(0, MOST_FIGURES).map(([name, value]) => `${words(name.replace(/^.*: /, ''))} ${figureText(name, value)}`);
  return [progress?.phase ?? '', ...shown].filter((part) => part !== '').join(' · ');
}

function figureText(name: string, value: number): string {
  const isShare = /accuracy|standard|adversarial|robust|share/i.test(name) && value >= 0 && value <= 1;
  return isShare ? percent(value, 1) : significant(value);
}

/** learningRate → learning rate */
function words(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}

/** Below the title: how long, on what. */
export function leadOf(run: Run): Html {
  const { settings } = run;
  const seconds = secondsOf(run);
  return html`<p>
    ${statePill(run.state)} ${seconds > 0 && html` · ${hasEnded(run.state) ? duration(seconds) : `for ${duration(seconds)}`}`}
    ${settings && settings.profile !== 'PROFILE_UNSPECIFIED' && html` · profile ${settings.profile.replace('PROFILE_', '').toLowerCase()}`}
  </p>`;
}
