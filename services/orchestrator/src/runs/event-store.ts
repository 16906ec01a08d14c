import type { RunState, StageStatus, WatchRunResponse } from '@rift/contracts';
import { sql, type Transaction } from 'kysely';
import { ChangeChannel } from '../database/channel.js';
import type { Database } from '../database/database.js';
import type { EventKind, Schema } from '../database/schema.js';
import { eventCodec } from '../messages/codec.js';
import { timestampOf } from '../messages/timestamp.js';

/** Log lines kept of a run; older ones go. */
export const MAX_LOG_LINES = 1000;

/** What happened, without its number and time. */
export type NewEvent =
  | { readonly kind: 'run'; readonly state: RunState }
  | { readonly kind: 'stage' | 'progress'; readonly stage: StageStatus }
  | { readonly kind: 'log'; readonly line: string };

/**
 * Whether a write took effect although its answer was lost. The caller holds the run's row locked, so that a commit which is still
 * under way has come to its end.
 */
export async function wasWritten(transaction: Transaction<Schema>, runId: string, write: string): Promise<boolean> {
  const event = await transaction
    .selectFrom('events')
    .select('sequence')
    .where('run_id', '=', runId)
    .where('write', '=', write)
    .limit(1)
    .executeTakeFirst();
  return event !== undefined;
}

/**
 * Appends events to a run's log. The caller holds the run's row locked by the update that gave `lastSequence`, so numbers rise
 * without gaps in the order of commits. The log stays bounded: a progress event takes the place of the stage's earlier one.
 *
 * @param lastSequence number of the last of these events.
 * @param write token of the write that they belong to, for wasWritten().
 */
export async function appendEvents(
  transaction: Transaction<Schema>,
  runId: string,
  lastSequence: number,
  events: readonly NewEvent[],
  write: string | null = null,
): Promise<void> {
  const at = new Date();
  const firstSequence = lastSequence - events.length + 1;
  const rows = events.map((event, index) => ({ ...rowOf(event, runId, firstSequence + index, at), write }));
  const replaced = rows.flatMap((row) => (row.stage_id === null ? [] : [row.stage_id]));
  if (replaced.length > 0) {
    await transaction
      .deleteFrom('events')
      .where('run_id', '=', runId)
      .where('stage_id', 'in', replaced)
      .where('kind', '=', 'progress')
      .execute();
  }
  if (rows.length > 0) await transaction.insertInto('events').values(rows).execute();
  if (events.some((event) => event.kind === 'log')) await dropOldLines(transaction, runId);
  await sql`SELECT pg_notify(${ChangeChannel.channel}, ${runId})`.execute(transaction);
}

function rowOf(event: NewEvent, runId: string, sequence: number, at: Date): Omit<Schema['events'], 'write'> {
  const message: WatchRunResponse = { sequence, at: timestampOf(at), ...contentOf(event) };
  const stageId = event.kind === 'stage' || event.kind === 'progress' ? event.stage.id : null;
  const kind: EventKind = event.kind;
  return { run_id: runId, sequence, kind, stage_id: stageId, at, payload: eventCodec.encode(message) };
}

function contentOf(event: NewEvent): Pick<WatchRunResponse, 'event' | 'runState' | 'stage' | 'log'> {
  switch (event.kind) {
    case 'run':
      return { event: 'runState', runState: event.state };
    case 'stage':
    case 'progress':
      return { event: 'stage', stage: event.stage };
    case 'log':
      return { event: 'log', log: event.line };
  }
}

async function dropOldLines(transaction: Transaction<Schema>, runId: string): Promise<void> {
  const oldestKept = transaction
    .selectFrom('events')
    .select('sequence')
    .where('run_id', '=', runId)
    .where('kind', '=', 'log')
    .orderBy('sequence', 'desc')
    .offset(MAX_LOG_LINES - 1)
    .limit(1);
  await transaction.deleteFrom('events').where('run_id', '=', runId).where('kind', '=', 'log').where('sequence', '<', oldestKept).execute();
}

/** The newest lines of a run's log, oldest first. */
export async function readLog(database: Database, runId: string, lines: number): Promise<WatchRunResponse[]> {
  const rows = await database.run((db) =>
    db
      .selectFrom('events')
      .select('payload')
      .where('run_id', '=', runId)
      .where('kind', '=', 'log')
      .orderBy('sequence', 'desc')
      .limit(lines)
      .execute(),
  );
  return rows.map(({ payload }) => eventCodec.decode(payload)).reverse();
}

/** A page of a run's event log. */
export interface EventPage {
  readonly events: readonly WatchRunResponse[];
  /** Whether the run had ended and all its events are in this page or before it. */
  readonly ended: boolean;
  /** False when the run does not exist (any more). */
  readonly found: boolean;
}

const PAGE = 200;

/** Reads the events of a run after a number, oldest first. */
export function readEvents(database: Database, runId: string, afterSequence: number): Promise<EventPage> {
  return database.run(async (db) => {
    // The run is read before its events: an end that comes in between is met by the next page.
    const run = await db.selectFrom('runs').select(['state', 'last_sequence']).where('id', '=', runId).executeTakeFirst();
    if (!run) return { events: [], ended: false, found: false };
    const rows = await db
      .selectFrom('events')
      .select(['sequence', 'payload'])
      .where('run_id', '=', runId)
      .where('sequence', '>', afterSequence)
      .orderBy('sequence')
      .limit(PAGE)
      .execute();
    const last = rows.at(-1)?.sequence ?? afterSequence;
    const ended = run.state !== 'QUEUED' && run.state !== 'RUNNING' && last >= run.last_sequence;
    return { events: rows.map((row) => eventCodec.decode(row.payload)), ended, found: true };
  });
}
