import { randomUUID } from 'node:crypto';
import type { Failure, Progress, StageResult, StageStatus } from '@rift/contracts';
import type { Transaction, Updateable } from 'kysely';
import type { Database } from '../database/database.js';
import type { Schema, StageTable } from '../database/schema.js';
import { failureCodec, progressCodec, stageResultCodec } from '../messages/codec.js';
import { appendEvents, wasWritten, type NewEvent } from './event-store.js';
import { stageMessage, stateOf, type RunRecord, type StageRow } from './run-record.js';

/** The right to write to a run: taken by an execution, lost to a later one, to a cancellation or a resumption. */
export interface Claim {
  readonly runId: string;
  readonly fence: number;
}

/** How a stage succeeded. */
export interface StageFinish {
  readonly result: StageResult;
  readonly cached: boolean;
  /** Seconds spent on it, all attempts together. */
  readonly seconds: number;
  readonly progress: Progress | undefined;
  /** What the run's log says of it. */
  readonly line: string;
}

/** The execution lost its run: it was cancelled, resumed or taken over. Nothing was written. */
export class Superseded extends Error {
  override readonly name = 'Superseded';

  constructor(readonly runId: string) {
    super(`another execution has taken over run ${runId}, or it was cancelled`);
  }
}

/** What an execution of a run writes. Every write carries the claim's fence and is refused once it is stale. */
export class ExecutionStore {
  constructor(private readonly database: Database) {}

  /**
   * Takes the run for this execution and marks it running.
   *
   * @param attempt start that the execution belongs to.
   * @returns undefined when the run has ended, is gone or belongs to a later start.
   */
  async claim(runId: string, attempt: number, executor: string): Promise<{ claim: Claim; record: RunRecord } | undefined> {
    return this.database.transaction(async (transaction) => {
      const before = await transaction.selectFrom('runs').selectAll().where('id', '=', runId).forUpdate().executeTakeFirst();
      if (!before || before.attempt !== attempt || (before.state !== 'QUEUED' && before.state !== 'RUNNING')) return undefined;
      const events: NewEvent[] = before.state === 'QUEUED' ? [{ kind: 'run', state: stateOf('RUNNING') }] : [];
      const run = await transaction
        .updateTable('runs')
        .set({
          state: 'RUNNING',
          executor,
          fence: before.fence + 1,
          started_at: before.started_at ?? new Date(),
          last_sequence: before.last_sequence + events.length,
        })
        .where('id', '=', runId)
        .returningAll()
        .executeTakeFirstOrThrow();
      await appendEvents(transaction, runId, run.last_sequence, events);
      const stages = await transaction.selectFrom('stages').selectAll().where('run_id', '=', runId).orderBy('position').execute();
      return { claim: { runId, fence: run.fence }, record: { run, stages } };
    });
  }

  /** The token that may write to the run now; undefined when there is no such run. */
  async fence(runId: string): Promise<number | undefined> {
    const row = await this.database.run((db) => db.selectFrom('runs').select('fence').where('id', '=', runId).executeTakeFirst());
    return row?.fence;
  }

  /** Reads a stage's row as it is now. */
  stage(runId: string, stageId: string): Promise<StageRow> {
    return this.database.run((db) =>
      db.selectFrom('stages').selectAll().where('run_id', '=', runId).where('id', '=', stageId).executeTakeFirstOrThrow(),
    );
  }

  /** @param line what the run's log says of it. */
  startStage(claim: Claim, stageId: string, line: string): Promise<void> {
    return this.#writeStage(claim, stageId, { state: 'RUNNING', failure: null, progress: null }, { line });
  }

  /**
   * @param partial what is known of the result.
   * @param seconds seconds spent on the stage so far, all attempts together.
   */
  reportProgress(claim: Claim, stageId: string, progress: Progress, partial: StageResult | undefined, seconds: number): Promise<void> {
    const known = partial ? { partial: stageResultCodec.encode(partial) } : {};
    return this.#writeStage(claim, stageId, { progress: progressCodec.encode(progress), ...known, seconds }, { kind: 'progress' });
  }

  finishStage(claim: Claim, stageId: string, end: StageFinish): Promise<void> {
    const values = {
      state: 'SUCCEEDED' as const,
      result: stageResultCodec.encode(end.result),
      partial: null,
      cached: end.cached,
      seconds: end.seconds,
      ...(end.progress ? { progress: progressCodec.encode(end.progress) } : {}),
    };
    return this.#writeStage(claim, stageId, values, { line: end.line });
  }

  failStage(claim: Claim, stageId: string, failure: Failure, seconds: number, line: string): Promise<void> {
    return this.#writeStage(claim, stageId, { state: 'FAILED', failure: failureCodec.encode(failure), seconds }, { line });
  }

  /** Marks a stage that was stopped because another one failed. */
  stopStage(claim: Claim, stageId: string, seconds: number, line: string): Promise<void> {
    return this.#writeStage(claim, stageId, { state: 'CANCELLED', seconds }, { line });
  }

  log(claim: Claim, line: string): Promise<void> {
    return this.#write(claim, 1, () => Promise.resolve([logEvent(line)]));
  }

  finishRun(claim: Claim): Promise<void> {
    return this.#endRun(claim, 'SUCCEEDED', null);
  }

  failRun(claim: Claim, failure: Failure): Promise<void> {
    return this.#endRun(claim, 'FAILED', failureCodec.encode(failure));
  }

  #endRun(claim: Claim, state: 'SUCCEEDED' | 'FAILED', failure: Buffer | null): Promise<void> {
    return this.#write(claim, 1, async (transaction) => {
      await transaction.updateTable('runs').set({ state, failure, ended_at: new Date() }).where('id', '=', claim.runId).execute();
      return [{ kind: 'run', state: stateOf(state) }];
    });
  }

  /** Writes a stage's row, its event and the line that goes to the log with it, in one transaction. */
  #writeStage(
    claim: Claim,
    stageId: string,
    values: Updateable<StageTable>,
    { kind = 'stage', line }: { kind?: 'stage' | 'progress'; line?: string },
  ): Promise<void> {
    const lines = line === undefined ? [] : [logEvent(`${stageId}: ${line}`)];
    return this.#write(claim, 1 + lines.length, async (transaction) => {
      const row = await transaction
        .updateTable('stages')
        .set(values)
        .where('run_id', '=', claim.runId)
        .where('id', '=', stageId)
        .returningAll()
        .executeTakeFirstOrThrow();
      const stage: StageStatus = stageMessage(row);
      return [{ kind, stage }, ...lines];
    });
  }

  /**
   * Checks the fence and locks the run in one statement, then writes and logs: all of it or nothing.
   *
   * @param count number of events that the change returns.
   */
  async #write(claim: Claim, count: number, change: (transaction: Transaction<Schema>) => Promise<NewEvent[]>): Promise<void> {
    const write = randomUUID();
    await this.database.transaction(async (transaction, isRepeated) => {
      if (isRepeated) {
        await transaction.selectFrom('runs').select('id').where('id', '=', claim.runId).forUpdate().execute();
        if (await wasWritten(transaction, claim.runId, write)) return;
      }
      const run = await transaction
        .updateTable('runs')
        .set((set) => ({ last_sequence: set('last_sequence', '+', count) }))
        .where('id', '=', claim.runId)
        .where('fence', '=', claim.fence)
        .returning('last_sequence')
        .executeTakeFirst();
      if (!run) throw new Superseded(claim.runId);
      await appendEvents(transaction, claim.runId, run.last_sequence, await change(transaction), write);
    });
  }
}

function logEvent(line: string): NewEvent {
  return { kind: 'log', line };
}
