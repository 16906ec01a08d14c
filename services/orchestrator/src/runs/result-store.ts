import type { Database } from '../database/database.js';

/** Result of a unit of work as stored. */
export interface StoredResult {
  readonly runId: string;
  readonly artifacts: readonly string[];
  readonly result: Buffer;
}

/** A result to keep. */
export interface NewResult extends StoredResult {
  readonly workKey: string;
  readonly kind: string;
  readonly stageId: string;
  readonly seconds: number;
}

/**
 * Results of finished units of work by their keys: the checkpoints of runs and the cache between runs. A key stands for all that
 * determines the result, so results are never overwritten and need no fence.
 */
export class ResultStore {
  constructor(private readonly database: Database) {}

  async find(workKey: string): Promise<StoredResult | undefined> {
    const row = await this.database.run((db) =>
      db.selectFrom('results').select(['run_id', 'artifacts', 'result']).where('work_key', '=', workKey).executeTakeFirst(),
    );
    // Whoever takes a result builds on it for the rest of its stage; what nobody takes grows old.
    if (row) {
      await this.database.run((db) => db.updateTable('results').set({ used_at: new Date() }).where('work_key', '=', workKey).execute());
    }
    return row && { runId: row.run_id, artifacts: row.artifacts, result: row.result };
  }

  async keep(result: NewResult): Promise<void> {
    await this.database.run((db) =>
      db
        .insertInto('results')
        .values({
          work_key: result.workKey,
          kind: result.kind,
          run_id: result.runId,
          stage_id: result.stageId,
          artifacts: [...result.artifacts],
          result: result.result,
          seconds: result.seconds,
        })
        .onConflict((conflict) => conflict.column('work_key').doNothing())
        .execute(),
    );
  }

  /** Drops a result whose artifacts are gone. */
  async forget(workKey: string): Promise<void> {
    await this.database.run((db) => db.deleteFrom('results').where('work_key', '=', workKey).execute());
  }
}
