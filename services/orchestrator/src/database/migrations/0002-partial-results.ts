import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What stages know before they end. */
export const partialResults: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('stages').addColumn('partial', 'bytea').execute();
  },
};
