import assert from 'node:assert/strict';
import { readFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { startEmbeddedPostgres } from './embedded-postgres.js';

describe('the built-in PostgreSQL', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-pg-test-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function query(url: string, sql: string): Promise<unknown> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<{ value: unknown }>(sql)).rows[0]?.value;
    } finally {
      await client.end();
    }
  }

  async function serverPid(): Promise<number> {
    return Number.parseInt(await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8'), 10);
  }

  it('keeps data over a stop and a start, synced to the disk', async () => {
    const first = await startEmbeddedPostgres(folder);
    assert.equal(first.reused, false);
    assert.equal(await query(first.url, "SELECT current_setting('fsync') AS value"), 'on');
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS value');
    await first.stop();
    const second = await startEmbeddedPostgres(folder);
    assert.equal(await query(second.url, 'SELECT value FROM kept'), 42);
    await second.stop();
  });

  it('takes over a server that outlived the process that started it', async () => {
    const orphaned = await startEmbeddedPostgres(folder);
    const found = await startEmbeddedPostgres(folder);
    assert.equal(found.reused, true);
    assert.equal(found.url, orphaned.url);
    await found.stop();
    await assert.rejects(query(found.url, 'SELECT 1 AS value'));
  });

  it('starts again after the server itself was killed', async () => {
    await startEmbeddedPostgres(folder);
    process.kill(await serverPid(), 'SIGKILL');
    const server = await startEmbeddedPostgres(folder);
    assert.equal(await query(server.url, 'SELECT value FROM kept'), 42);
    await server.stop();
  });

  it('lets nobody in without the password and listens on no network', async () => {
    const server = await startEmbeddedPostgres(folder);
    try {
      const wrong = new URL(server.url);
      wrong.password = 'guess';
      await assert.rejects(query(wrong.href, 'SELECT 1 AS value'), /password authentication failed/);
      assert.equal(await query(server.url, "SELECT current_setting('listen_addresses') AS value"), '');
      assert.equal((await stat(join(folder, 'data', 'rift-password'))).mode & 0o777, 0o600);
    } finally {
      await server.stop();
    }
  });
});
