import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Runs, stages, events, results and the catalog. */
export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('runs')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('request_id', 'text', (column) => column.notNull().unique())
      .addColumn('request_hash', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('settings', 'bytea', (column) => column.notNull())
      .addColumn('plan', 'bytea', (column) => column.notNull())
      .addColumn('inputs', 'jsonb', (column) => column.notNull())
      .addColumn('failure', 'bytea')
      .addColumn('priority', 'integer', (column) => column.notNull())
      .addColumn('attempt', 'integer', (column) => column.notNull())
      .addColumn('fence', 'integer', (column) => column.notNull().defaultTo(0))
      .addColumn('executor', 'text', (column) => column.notNull())
      .addColumn('last_sequence', 'integer', (column) => column.notNull().defaultTo(0))
      .addColumn('created_at', 'timestamptz', (column) => column.notNull().defaultTo(sql`clock_timestamp()`))
      .addColumn('started_at', 'timestamptz')
      .addColumn('ended_at', 'timestamptz')
      .execute();
    await db.schema.createIndex('runs_by_age').on('runs').columns(['created_at', 'id']).execute();
    await db.schema.createIndex('runs_by_state').on('runs').columns(['state', 'executor']).execute();

    await db.schema
      .createTable('stages')
      .addColumn('run_id', 'text', (column) => column.notNull().references('runs.id').onDelete('cascade'))
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('position', 'integer', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('progress', 'bytea')
      .addColumn('result', 'bytea')
      .addColumn('failure', 'bytea')
      .addColumn('cached', 'boolean', (column) => column.notNull().defaultTo(false))
      .addColumn('seconds', 'double precision', (column) => column.notNull().defaultTo(0))
      .addPrimaryKeyConstraint('stages_key', ['run_id', 'id'])
      .execute();

    await db.schema
      .createTable('events')
      .addColumn('run_id', 'text', (column) => column.notNull().references('runs.id').onDelete('cascade'))
      .addColumn('sequence', 'integer', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('stage_id', 'text')
      .addColumn('at', 'timestamptz', (column) => column.notNull())
      .addColumn('payload', 'bytea', (column) => column.notNull())
      .addPrimaryKeyConstraint('events_key', ['run_id', 'sequence'])
      .execute();
    await db.schema.createIndex('events_by_stage').on('events').columns(['run_id', 'stage_id', 'kind']).execute();

    await db.schema
      .createTable('results')
      .addColumn('work_key', 'text', (column) => column.primaryKey())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('run_id', 'text', (column) => column.notNull())
      .addColumn('stage_id', 'text', (column) => column.notNull())
      .addColumn('artifacts', sql`text[]`, (column) => column.notNull())
      .addColumn('result', 'bytea', (column) => column.notNull())
      .addColumn('seconds', 'double precision', (column) => column.notNull())
      .addColumn('created_at', 'timestamptz', (column) => column.notNull().defaultTo(sql`clock_timestamp()`))
      .execute();

    for (const name of ['networks', 'datasets']) {
      await db.schema
        .createTable(name)
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('info', 'bytea', (column) => column.notNull())
        .addColumn('created_at', 'timestamptz', (column) => column.notNull().defaultTo(sql`clock_timestamp()`))
        .execute();
      await db.schema.createIndex(`${name}_by_age`).on(name).columns(['created_at', 'name']).execute();
    }
    await db.schema
      .createTable('network_infos')
      .addColumn('digest', 'text', (column) => column.primaryKey())
      .addColumn('info', 'bytea', (column) => column.notNull())
      .execute();
  },
};
