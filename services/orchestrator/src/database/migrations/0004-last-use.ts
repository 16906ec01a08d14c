import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** When a result was last taken: what a run of today builds on is not dropped because it was computed long ago. */
export const lastUse: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable('results')
      .addColumn('used_at', 'timestamptz', (column) => column.notNull().defaultTo(sql`clock_timestamp()`))
      .execute();
  },
};
