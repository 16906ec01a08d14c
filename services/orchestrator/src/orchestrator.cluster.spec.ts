import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './postgres/embedded-postgres.js';
import { Harness } from './testing/harness.js';

describe('two orchestrators on one database', () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let one: Harness;
  let other: Harness;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-test-'));
    postgres = await startEmbeddedPostgres(join(folder, 'postgres'));
    one = await Harness.start(1, { DATABASE_URL: postgres.url, RIFT_EXECUTOR_ID: 'one' });
    other = await Harness.start(1, { DATABASE_URL: postgres.url, RIFT_EXECUTOR_ID: 'other' }, one.home);
  });
  after(async () => {
    await other.close();
    await one.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('tell of each other’s runs', async () => {
    const { id } = await one.create({ seed: 11 });
    assert.equal((await other.ended(id)).state, 'RUN_STATE_SUCCEEDED');
    assert.equal(other.worker.done('FineTune').length, 0);
  });

  it('stop each other’s jobs when a run is cancelled', async () => {
    one.worker.behaviour.delayMs = 60_000;
    const { id } = await one.create({ seed: 12 });
    await one.until('a job runs', () => one.worker.calls.some((call) => call.state === 'running'));
    await other.cancel(id);
    await one.until('no job runs', () => one.worker.calls.every((call) => call.state !== 'running'));
    assert.ok(one.worker.calls.some((call) => call.state === 'cancelled'));
  });

  it('refuse a second one under the same name', async () => {
    await assert.rejects(Harness.start(1, { DATABASE_URL: postgres.url, RIFT_EXECUTOR_ID: 'other' }), /ended with code 1/);
  });

  it('take over the runs of one that dies, and keep what it had finished', async () => {
    one.worker.calls.length = 0;
    one.worker.behaviour.delayMs = 5;
    one.worker.behaviour.fate = () => (one.worker.done('MeasureCriticality').length >= 3 ? 'silent' : undefined);
    const { id } = await one.create({ seed: 13 });
    const criticality = async (): Promise<number> => {
      const run = await one.get(id);
      return run.stages.find((stage) => stage.id === 'criticality')?.progress?.done ?? 0;
    };
    await one.until('three modules are measured and the others hang', async () => (await criticality()) >= 3);
    await one.kill('SIGKILL');
    const run = await other.ended(id);
    assert.equal(run.failure, null);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    assert.ok(other.worker.done('MeasureCriticality').length <= 3);
    await one.boot();
    assert.equal((await one.get(id)).state, 'RUN_STATE_SUCCEEDED');
  });
});
