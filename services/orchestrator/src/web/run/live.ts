import type { Run, WatchRunResponse } from '@rift/contracts';
import { html, squeeze } from '../../report/page/html.js';
import type { ServerEvent } from '../../http/event-stream.js';
import { hasEnded } from '../words.js';
import type { RunModels } from './model.js';
import { fragments, type LogLine, type Rights } from './page.js';

/** Time over which events are gathered into one change of the page. */
const GATHER_MS = 250;
/** Lines of the log that the page keeps. */
export const LOG_LINES = 200;

/** What a live page is made from. */
export interface LiveParts {
  readonly models: RunModels;
  /** The run as it is when the browser connects. */
  readonly run: Run;
  readonly log: readonly LogLine[];
  readonly rights: Rights;
  /** Number of the last event that the page shows. */
  readonly seen: number;
  /** Reads the run anew. */
  readonly reload: () => Promise<Run>;
}

/**
 * Turns the events of a run into changes of its page: for each the parts whose markup differs from what was sent before. Keyed by the
 * number of the last event that went into it; a browser that has missed some gets the whole page first.
 *
 * @param events the events after those that the run as given tells of.
 */
export async function* livePatches(events: AsyncIterable<WatchRunResponse>, parts: LiveParts): AsyncGenerator<ServerEvent, void, void> {
  const sent = new Map<string, string>();
  let { run } = parts;
  let log = [...parts.log];
  const changes = async (): Promise<{ id: string; html: string }[]> =>
    Object.entries(fragments(await parts.models.of(run), log, parts.rights)).flatMap(([id, content]) => {
      const markup = squeeze(html`${content}`.text);
      if (sent.get(id) === markup) return [];
      sent.set(id, markup);
      return [{ id, html: markup }];
    });
  const all = await changes();
  if (parts.seen !== Number(run.lastSequence)) yield { id: Number(run.lastSequence), event: 'patch', data: all };
  for await (const batch of gathered(events)) {
    let mustReload = false;
    for (const event of batch) {
      if (event.event === 'log' && event.log !== undefined)
        log = [...log, { sequence: event.sequence, at: event.at, log: event.log }].slice(-LOG_LINES);
      if (event.event === 'runState' && event.runState) {
        run = { ...run, state: event.runState };
        mustReload ||= hasEnded(event.runState);
      }
      const { stage } = event;
      if (stage) run = { ...run, stages: run.stages.map((known) => (known.id === stage.id ? stage : known)) };
    }
    // The record holds what events do not tell: when the run ended, and why it failed.
    if (mustReload || (!run.startedAt && run.state === 'RUN_STATE_RUNNING')) run = await parts.reload();
    const changed = await changes();
    const last = batch.at(-1)?.sequence ?? 0;
    if (changed.length > 0) yield { id: Number(last), event: 'patch', data: changed };
  }
}

/** Puts together what comes within a short time: a page need not change more often than people can see. */
async function* gathered<T>(source: AsyncIterable<T>): AsyncGenerator<T[], void, void> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      const first = await next;
      if (first.done) return;
      const batch = [first.value];
      next = iterator.next();
      const timeUp = new Promise<'time'>((resolve) => setTimeout(resolve, GATHER_MS, 'time'));
      for (;;) {
        const more = await Promise.race([next, timeUp]);
        if (more === 'time') break;
        if (more.done) {
          yield batch;
          return;
        }
        batch.push(more.value);
        next = iterator.next();
      }
      yield batch;
    }
  } finally {
    await iterator.return?.();
  }
}
