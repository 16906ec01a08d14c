import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FolderStore } from '@rift/artifacts';
import { createLogger } from '@rift/service-kit';
import { networkEntries } from '../catalog/catalog-store.js';
import { Database } from '../database/database.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../postgres/embedded-postgres.js';
import { ResultStore } from '../runs/result-store.js';
import { RunStore } from '../runs/run-store.js';
import { someSettings } from '../testing/messages.js';
import { Collector } from './collector.js';

const logger = createLogger({ name: 'test', level: 'silent' });

describe('Collector', () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let database: Database;
  let store: FolderStore;
  let collector: Collector;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-collector-'));
    postgres = await startEmbeddedPostgres(join(folder, 'postgres'));
    database = new Database(postgres.url, logger);
    await database.migrate();
    store = await FolderStore.open(join(folder, 'artifacts'));
    collector = new Collector({ database, artifacts: store, intervalMs: 1000, keepDays: 30, logger });
  });
  after(async () => {
    await database.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function stored(content: string): Promise<string> {
    return (await store.putBytes(Buffer.from(content))).digest;
  }

  it('removes what two sweeps in a row found unreferred, and nothing else', async () => {
    const [named, used, computed, lost] = await Promise.all(['named', 'used', 'computed', 'lost'].map(stored));
    assert.ok(named && used && computed && lost);
    const nothing = {
      arch: '',
      width: 0,
      classes: 0,
      inputSize: 0,
      preprocess: null,
      classNames: [],
      parameters: 0,
      modules: [],
      metrics: {},
    };
    await networkEntries(database).register('mine', { ...nothing, digest: named, parents: [], notes: [] });
    await new RunStore(database).create({
      id: randomUUID(),
      requestId: randomUUID(),
      requestHash: 'hash',
      name: '',
      settings: someSettings({ network: used }),
      plan: { stages: [{ id: 'a', after: [] }] },
      inputs: { networks: { [used]: used }, dataset: { digest: '', classes: [], splits: {} } },
      executor: 'test',
    });
    const result = { workKey: 'key', kind: 'craft', runId: 'gone', stageId: 'a', result: Buffer.alloc(0), seconds: 1 };
    await new ResultStore(database).keep({ ...result, artifacts: [computed] });

    assert.equal(await collector.sweep(), 0);
    const late = await stored('late');
    assert.equal(await collector.sweep(), 1);
    assert.equal(await store.stat(lost), undefined);
    for (const digest of [named, used, computed, late]) assert.ok(await store.stat(digest));
  });

  it('drops results of deleted runs after their time, with their artifacts', async () => {
    const old = await stored('old');
    const results = new ResultStore(database);
    const result = { workKey: 'old', kind: 'craft', runId: 'gone', stageId: 'a', result: Buffer.alloc(0), seconds: 1 };
    await results.keep({ ...result, artifacts: [old] });
    const strict = new Collector({ database, artifacts: store, intervalMs: 1000, keepDays: -1, logger });
    await strict.sweep();
    await strict.sweep();
    assert.equal(await results.find('old'), undefined);
    assert.equal(await store.stat(old), undefined);
  });
});
