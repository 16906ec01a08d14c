import type { Plan, Run, RunState, Stage, StageStatus, Timestamp } from '@rift/contracts';
import { duration } from '../report/format.js';
import { html, type Html } from '../report/page/html.js';
import { isoTime } from '../rest/encode.js';

/** What a stage of each kind does, for people. */
const KINDS: Readonly<Record<NonNullable<Stage['kind']>, string>> = {
  craft: 'Craft the adversarial set',
  criticality: 'Measure module robust criticality',
  fineTune: 'Fine-tune the module',
  interpolate: 'Walk between old and new weights',
  evaluate: 'Measure accuracies',
  corrupt: 'Corrupt images',
  train: 'Train adversarially',
  report: 'Write the report',
};

/** A stage in words: "Measure accuracies under corruptions". */
export function stagePhrase(stage: Stage | undefined): string {
  if (!stage?.kind) return 'Stage';
  const title = KINDS[stage.kind];
  const when = stage.id.startsWith('before') ? ', before' : stage.id.startsWith('after') ? ', after' : '';
  return stage.evaluate?.spec?.corruptions.length ? `${title} under corruptions${when}` : `${title}${when}`;
}

/** The state of a run or stage in one word. */
export function stateWord(state: RunState): string {
  return state.replace('RUN_STATE_', '').toLowerCase();
}

/** The state as a pill: word and sign, not colour alone. */
export function statePill(state: RunState): Html {
  const word = stateWord(state);
  return html`<span class="state ${word}">${word}</span>`;
}

/** Whether a run or stage will not change by itself any more. */
export function hasEnded(state: RunState): boolean {
  return state !== 'RUN_STATE_QUEUED' && state !== 'RUN_STATE_RUNNING';
}

/** A run's name, or the beginning of its identifier. */
export function runTitle({ name, id }: Pick<Run, 'name' | 'id'>): string {
  return name === '' ? `Run ${id.slice(0, 8)}` : name;
}

/** Where a run or anything of it is. */
export function runPath(id: string, rest = ''): string {
  return `/runs/${encodeURIComponent(id)}${rest}`;
}

/** A network's or data set's name or, for one that is named by digest, the beginning of that. */
export function shortName(nameOrDigest: string): string {
  return /^[0-9a-f]{64}$/.test(nameOrDigest) ? `${nameOrDigest.slice(0, 10)}…` : nameOrDigest;
}

/** "2026-03-01 14:05" with the exact time for machines. */
export function time(at: Timestamp | null): Html {
  if (!at) return html`–`;
  const iso = isoTime(at);
  return html`<time datetime="${iso}" title="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)}</time>`;
}

/** Seconds from the first start of a run to its end, or to now. */
export function secondsOf(run: Run, now = Date.now()): number {
  if (!run.startedAt) return 0;
  const milliseconds = (at: Timestamp): number => Number(at.seconds) * 1000 + at.nanos / 1e6;
  return Math.max(0, ((run.endedAt ? milliseconds(run.endedAt) : now) - milliseconds(run.startedAt)) / 1000);
}

/** Share of a stage that is done, 0 to 1; undefined where nobody can tell. */
export function shareOf({ state, progress }: StageStatus): number | undefined {
  if (state === 'RUN_STATE_SUCCEEDED') return 1;
  if (!progress || Number(progress.total) === 0) return undefined;
  return Math.min(1, Number(progress.done) / Number(progress.total));
}

/** Stages that have succeeded and stages in all. */
export function stagesDone(run: Run): { readonly done: number; readonly total: number } {
  return { done: run.stages.filter(({ state }) => state === 'RUN_STATE_SUCCEEDED').length, total: run.stages.length };
}

/** The stage of a plan with an identifier. */
export function stageOf(plan: Plan | null, id: string): Stage | undefined {
  return plan?.stages.find((stage) => stage.id === id);
}

/** "about 3 min left", or nothing where nobody can tell. */
export function timeLeft({ progress }: StageStatus): string | undefined {
  return progress && progress.remainingSeconds > 0 ? `about ${duration(progress.remainingSeconds)} left` : undefined;
}

/** The name of an enum value as people say it: ("PROFILE_", "PROFILE_SOUND") → "sound". */
export { enumWords } from '../report/data/names.js';
