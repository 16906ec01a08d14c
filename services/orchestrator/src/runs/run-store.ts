import { randomUUID } from 'node:crypto';
import type { Plan, RunSettings } from '@rift/contracts';
import { AlreadyExists, FailedPrecondition, NotFound } from '@rift/service-kit';
import { sql, type Transaction } from 'kysely';
import { ChangeChannel } from '../database/channel.js';
import type { Database, Executor } from '../database/database.js';
import type { RunInputs, Schema, StoredState } from '../database/schema.js';
import { planCodec, settingsCodec } from '../messages/codec.js';
import { appendEvents, wasWritten, type NewEvent } from './event-store.js';
import { hasEnded, stageMessage, stateOf, type RunRecord, type RunRow, type StageRow } from './run-record.js';

/** A run to create. */
export interface NewRun {
  readonly id: string;
  readonly requestId: string;
  readonly requestHash: string;
  readonly name: string;
  readonly settings: RunSettings;
  readonly plan: Plan;
  readonly inputs: RunInputs;
  readonly executor: string;
}

/**
 * Returns the run that a request made before.
 *
 * @throws AlreadyExists when it was another request under the same id.
 */
export function sameRequest(record: RunRecord, requestHash: string): RunRecord {
  if (record.run.request_hash === requestHash) return record;
  throw new AlreadyExists('request', record.run.request_id, 'it was made with other settings; use a new request_id for another run');
}

/** Where a page of runs begins: after the run of this age and identifier. */
export interface RunCursor {
  readonly createdAt: Date;
  readonly id: string;
}

const ADVICE = 'list the runs to see which there are';

/** The records of runs, as their users change them. What executions write is in ExecutionStore. */
export class RunStore {
  constructor(private readonly database: Database) {}

  /**
   * Records a run, queued, with its stages.
   *
   * @returns the run, which is an earlier one when the same request has made it before.
   * @throws AlreadyExists when another request was made under this request id.
   */
  async create(run: NewRun): Promise<RunRecord> {
    await this.database.transaction(async (transaction) => {
      const inserted = await transaction
        .insertInto('runs')
        .values({
          id: run.id,
          request_id: run.requestId,
          request_hash: run.requestHash,
          name: run.name,
          state: 'QUEUED',
          settings: settingsCodec.encode(run.settings),
          plan: planCodec.encode(run.plan),
          inputs: JSON.stringify(run.inputs),
          priority: run.settings.priority,
          attempt: 1,
          executor: run.executor,
          last_sequence: 1,
          // The database counts microseconds, page tokens milliseconds: an age must survive the way through a token.
          created_at: new Date(),
        })
        .onConflict((conflict) => conflict.column('request_id').doNothing())
        .returning('id')
        .executeTakeFirst();
      if (!inserted) return;
      const stages = run.plan.stages.map((stage, position) => ({ run_id: run.id, id: stage.id, position, state: 'QUEUED' as const }));
      await transaction.insertInto('stages').values(stages).execute();
      await appendEvents(transaction, run.id, 1, [{ kind: 'run', state: 'RUN_STATE_QUEUED' }]);
    });
    const record = await this.findByRequest(run.requestId);
    if (!record) throw new NotFound('run', run.id, 'it was deleted while it was created; use another request_id');
    return sameRequest(record, run.requestHash);
  }

  /** Returns the run that a request made, if any. */
  findByRequest(requestId: string): Promise<RunRecord | undefined> {
    return this.database.run(async (db) => {
      const run = await db.selectFrom('runs').selectAll().where('request_id', '=', requestId).executeTakeFirst();
      return run && { run, stages: await stagesOf(db, run.id) };
    });
  }

  /** @throws NotFound when there is no such run. */
  get(id: string): Promise<RunRecord> {
    return this.database.run(async (db) => {
      const run = await db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
      if (!run) throw new NotFound('run', id, ADVICE);
      return { run, stages: await stagesOf(db, id) };
    });
  }

  /** Returns runs, newest first, their stages without results. */
  list(limit: number, after: RunCursor | undefined, state: StoredState | undefined): Promise<RunRecord[]> {
    return this.database.run(async (db) => {
      let query = db.selectFrom('runs').selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit);
      if (state) query = query.where('state', '=', state);
      if (after) {
        query = query.where((where) =>
          where.or([
            where('created_at', '<', after.createdAt),
            where.and([where('created_at', '=', after.createdAt), where('id', '<', after.id)]),
          ]),
        );
      }
      const runs = await query.execute();
      if (runs.length === 0) return [];
      const stages = await db
        .selectFrom('stages')
        .select(['run_id', 'id', 'position', 'state', 'progress', 'failure', 'cached', 'seconds'])
        .where(
          'run_id',
          'in',
          runs.map((run) => run.id),
        )
        .orderBy('position')
        .execute();
      return runs.map((run) => ({
        run,
        stages: stages.filter((stage) => stage.run_id === run.id).map((stage) => ({ ...stage, result: null, partial: null })),
      }));
    });
  }

  /** Number of runs that are queued or running, and of those in each state, for metrics and admission. */
  countActive(): Promise<number> {
    return this.database.run(async (db) => {
      const { count } = await db
        .selectFrom('runs')
        .select((select) => select.fn.countAll<string>().as('count'))
        .where('state', 'in', ['QUEUED', 'RUNNING'])
        .executeTakeFirstOrThrow();
      return Number(count);
    });
  }

  /**
   * Cancels a run: from now on nothing that its execution writes is taken.
   *
   * @throws NotFound; FailedPrecondition when it has ended.
   */
  cancel(id: string): Promise<RunRecord> {
    return this.#change(id, async (transaction, run, stages) => {
      if (hasEnded(run.state)) throw new FailedPrecondition(`run ${id}`, `it has ended (${run.state}) and cannot be cancelled`);
      const running = stages.filter((stage) => stage.state === 'RUNNING');
      await setStages(transaction, id, running, { state: 'CANCELLED' });
      await transaction.updateTable('runs').set({ state: 'CANCELLED', ended_at: new Date() }).where('id', '=', id).execute();
      const line = `cancelled; ${doneOf(stages)}`;
      return [...stageEvents(running, 'CANCELLED'), { kind: 'log', line }, { kind: 'run', state: stateOf('CANCELLED') }];
    });
  }

  /**
   * Queues a cancelled or failed run again; stages that succeeded keep their results.
   *
   * @param executor orchestrator that is to execute it.
   * @throws NotFound; FailedPrecondition when it runs or has succeeded.
   */
  resume(id: string, executor: string): Promise<RunRecord> {
    return this.#change(id, async (transaction, run, stages) => {
      if (run.state !== 'CANCELLED' && run.state !== 'FAILED') {
        throw new FailedPrecondition(`run ${id}`, `it is ${run.state}; only a cancelled or failed run can be resumed`);
      }
      const again = stages.filter((stage) => stage.state !== 'SUCCEEDED' && stage.state !== 'QUEUED');
      await setStages(transaction, id, again, { state: 'QUEUED', progress: null, failure: null });
      await transaction
        .updateTable('runs')
        .set({ state: 'QUEUED', attempt: run.attempt + 1, executor, failure: null, ended_at: null })
        .where('id', '=', id)
        .execute();
      const line = `resumed; ${doneOf(stages)}`;
      return [{ kind: 'run', state: stateOf('QUEUED') }, ...stageEvents(again, 'QUEUED'), { kind: 'log', line }];
    });
  }

  /** Gives the unfinished runs of a dead executor to another one, as new attempts. */
  async takeOver(dead: string, executor: string): Promise<RunRow[]> {
    return this.database.run((db) =>
      db
        .updateTable('runs')
        .set((set) => ({ executor, attempt: set('attempt', '+', 1), fence: set('fence', '+', 1) }))
        .where('executor', '=', dead)
        .where('state', 'in', ['QUEUED', 'RUNNING'])
        .returningAll()
        .execute(),
    );
  }

  /** Gives a run whose start ended without ending the run a new start. @returns undefined when it has ended or was given one */
  restart(id: string, attempt: number): Promise<RunRow | undefined> {
    return this.database.run((db) =>
      db
        .updateTable('runs')
        .set((set) => ({ attempt: set('attempt', '+', 1), fence: set('fence', '+', 1) }))
        .where('id', '=', id)
        .where('attempt', '=', attempt)
        .where('state', 'in', ['QUEUED', 'RUNNING'])
        .returningAll()
        .executeTakeFirst(),
    );
  }

  /** Returns the runs that an executor has to finish. */
  unfinishedOf(executor: string): Promise<RunRow[]> {
    return this.database.run((db) =>
      db.selectFrom('runs').selectAll().where('executor', '=', executor).where('state', 'in', ['QUEUED', 'RUNNING']).execute(),
    );
  }

  /** Returns the executors that have unfinished runs. */
  async busyExecutors(): Promise<string[]> {
    const rows = await this.database.run((db) =>
      db.selectFrom('runs').select('executor').distinct().where('state', 'in', ['QUEUED', 'RUNNING']).execute(),
    );
    return rows.map((row) => row.executor);
  }

  /**
   * Deletes the record of a run that has ended, with its events. Results of its units stay: they belong to their keys.
   *
   * @throws NotFound; FailedPrecondition while it is queued or running.
   */
  remove(id: string): Promise<RunRow> {
    return this.database.transaction(async (transaction) => {
      const run = await transaction.selectFrom('runs').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
      if (!run) throw new NotFound('run', id, ADVICE);
      if (!hasEnded(run.state)) throw new FailedPrecondition(`run ${id}`, `it is ${run.state}; cancel it before deleting it`);
      await transaction.deleteFrom('runs').where('id', '=', id).execute();
      return run;
    });
  }

  /** Changes a run under its lock, with a new fence, and logs what changed. */
  async #change(
    id: string,
    change: (transaction: Transaction<Schema>, run: RunRow, stages: readonly StageRow[]) => Promise<NewEvent[]>,
  ): Promise<RunRecord> {
    const write = randomUUID();
    await this.database.transaction(async (transaction, isRepeated) => {
      const run = await transaction.selectFrom('runs').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
      if (!run) throw new NotFound('run', id, ADVICE);
      if (isRepeated && (await wasWritten(transaction, id, write))) return;
      const events = await change(transaction, run, await stagesOf(transaction, id));
      const lastSequence = run.last_sequence + events.length;
      await transaction
        .updateTable('runs')
        .set({ fence: run.fence + 1, last_sequence: lastSequence })
        .where('id', '=', id)
        .execute();
      await appendEvents(transaction, id, lastSequence, events, write);
      await sql`SELECT pg_notify(${ChangeChannel.fences}, ${id})`.execute(transaction);
    });
    return this.get(id);
  }
}

function stagesOf(db: Executor, runId: string): Promise<StageRow[]> {
  return db.selectFrom('stages').selectAll().where('run_id', '=', runId).orderBy('position').execute();
}

function doneOf(stages: readonly StageRow[]): string {
  return `${stages.filter(({ state }) => state === 'SUCCEEDED').length} of ${stages.length} stages are done and keep their results`;
}

async function setStages(
  transaction: Transaction<Schema>,
  runId: string,
  stages: readonly StageRow[],
  values: { state: StoredState; progress?: null; failure?: null },
): Promise<void> {
  if (stages.length === 0) return;
  const ids = stages.map((stage) => stage.id);
  await transaction.updateTable('stages').set(values).where('run_id', '=', runId).where('id', 'in', ids).execute();
}

function stageEvents(stages: readonly StageRow[], state: StoredState): NewEvent[] {
  return stages.map((stage) => ({
    kind: 'stage',
    stage: { ...stageMessage({ ...stage, result: null, progress: null, failure: null }), state: stateOf(state) },
  }));
}
