import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** By which write an event was logged: a write whose answer was lost is recognised when it is repeated. */
export const writeTokens: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('events').addColumn('write', 'uuid').execute();
  },
};
