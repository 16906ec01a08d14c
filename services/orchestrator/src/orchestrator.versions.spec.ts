import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import pg from 'pg';
import { startEmbeddedPostgres } from './postgres/embedded-postgres.js';
import { Harness } from './testing/harness.js';

/** Runs statements on the database of an orchestrator that does not run. */
async function onDatabase(harness: Harness, ...statements: string[]): Promise<void> {
  const { url } = await startEmbeddedPostgres(join(harness.home, 'postgres'));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

describe('an orchestrator of another version', () => {
  it('goes on with the runs of an older one, and says in their log where the engine is another', async () => {
    const harness = await Harness.start(1);
    try {
      harness.worker.behaviour.fate = (method) => (method === 'FineTune' ? 'silent' : undefined);
      const { id } = await harness.create({ seed: 31 });
      await harness.until('the fine-tuning hangs', () => harness.worker.calls.some((call) => call.method === 'FineTune'));
      await harness.kill('SIGKILL');
      await onDatabase(
        harness,
        'ALTER TABLE events DROP COLUMN write',
        'ALTER TABLE results DROP COLUMN used_at',
        "DELETE FROM kysely_migration WHERE name >= '0003'",
        `UPDATE runs SET inputs = inputs || '{"engineVersion":"0.0.9"}'`,
      );
      const measured = harness.worker.done('MeasureCriticality').length;
      harness.worker.behaviour.fate = () => undefined;
      await harness.boot();
      const run = await harness.ended(id);
      assert.equal(run.failure, null);
      assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
      assert.equal(harness.worker.done('MeasureCriticality').length, measured);
      const lines: string[] = [];
      for await (const event of harness.watch(id)) if (event.log) lines.push(event.log);
      assert.ok(lines.some((line) => /begun with engine 0\.0\.9; what is not finished is computed by engine/.test(line)));
    } finally {
      await harness.close();
    }
  });

  it('leaves the tables of a newer one alone and says so', async () => {
    const harness = await Harness.start(1);
    try {
      await harness.kill('SIGTERM');
      await onDatabase(harness, "INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-future', '2030-01-01T00:00:00Z')");
      await assert.rejects(
        harness.boot(),
        /ended with code \d[\s\S]*a newer version of the orchestrator has changed its tables \(9999-future\)/,
      );
    } finally {
      await harness.close();
    }
  });
});
