import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './postgres/embedded-postgres.js';
import { Harness } from './testing/harness.js';

/** Time within which docs/durability.md promises that a run goes on after a kill, and what a busy machine may add. */
const STATED_MS = 5_000;
const PATIENCE_MS = 15_000;

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

  /** Keys of all units that the workers of both have computed, in no order but with every repetition. */
  const computed = (): string[] =>
    [one, other].flatMap(({ worker }) =>
      worker.calls.filter(({ state, context }) => state === 'done' && context.workKey !== '').map(({ context }) => context.workKey),
    );

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

  it('make one run of a request that both receive at once, and compute it once', async () => {
    one.worker.behaviour.delayMs = 5;
    const before = computed();
    const requestId = randomUUID();
    const tries = await Promise.all([one, other, one, other].map((harness) => harness.create({ seed: 14 }, null, requestId)));
    const [id = ''] = new Set(tries.map((run) => run.id));
    assert.deepEqual(
      tries.map((run) => run.id),
      [id, id, id, id],
    );
    assert.equal((await other.ended(id)).state, 'RUN_STATE_SUCCEEDED');
    const keys = computed();
    for (const key of before) keys.splice(keys.indexOf(key), 1);
    assert.ok(keys.length > 0);
    assert.equal(new Set(keys).size, keys.length, 'a unit was computed twice');
  });

  it('refuse a second one under the same name', async () => {
    await assert.rejects(Harness.start(1, { DATABASE_URL: postgres.url, RIFT_EXECUTOR_ID: 'other' }), /ended with code 1/);
  });

  it('take over the runs of one that dies, and keep what it had finished', async (t) => {
    one.worker.calls.length = other.worker.calls.length = 0;
    one.worker.behaviour.delayMs = 5;
    one.worker.behaviour.fate = () => (one.worker.done('MeasureCriticality').length >= 3 ? 'silent' : undefined);
    const { id } = await one.create({ seed: 13 });
    const criticality = async (): Promise<number> => {
      const run = await one.get(id);
      return run.stages.find((stage) => stage.id === 'criticality')?.progress?.done ?? 0;
    };
    await one.until('three modules are measured and the others hang', async () => (await criticality()) >= 3);
    await one.kill('SIGKILL');
    const since = performance.now();
    await other.until('the other one goes on', () => other.worker.calls.some(({ context }) => context.runId === id));
    const tookOverMs = performance.now() - since;
    t.diagnostic(`taken over ${Math.round(tookOverMs)} ms after the kill`);
    assert.ok(tookOverMs < STATED_MS + PATIENCE_MS, `taken over after ${Math.round(tookOverMs)} ms`);
    const run = await other.ended(id);
    assert.equal(run.failure, null);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    assert.ok(other.worker.done('MeasureCriticality').length <= 3);
    await one.boot();
    assert.equal((await one.get(id)).state, 'RUN_STATE_SUCCEEDED');
  });
});
