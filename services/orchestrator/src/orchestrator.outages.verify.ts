import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './postgres/embedded-postgres.js';
import { Xoshiro128 } from './statistics/xoshiro.js';
import { Harness, figuresOf } from './testing/harness.js';
import { LossyProxy } from './testing/lossy-proxy.js';

describe('runs on a database that fails', () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let proxy: LossyProxy | undefined;
  let harness: Harness | undefined;
  let expected: unknown[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-test-'));
    const undisturbed = await Harness.start(1);
    expected = figures(await undisturbed.ended((await undisturbed.create({ seed: 5 })).id));
    await undisturbed.close();
    postgres = await startEmbeddedPostgres(join(folder, 'postgres'));
  });
  afterEach(async () => {
    await harness?.close();
    await proxy?.close();
    harness = proxy = undefined;
  });
  after(async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const figures = (run: Parameters<typeof figuresOf>[0]): unknown[] => {
    assert.equal(run.failure, null);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    return figuresOf(run).slice(0, -1);
  };

  it('go on to the same results while it is stopped again and again for up to two seconds', async () => {
    const random = new Xoshiro128(11);
    harness = await Harness.start(2, { DATABASE_URL: postgres.url, RIFT_EXECUTOR_ID: 'stopped' });
    for (const worker of harness.workers) worker.behaviour.delayMs = 700;
    const ids = await Promise.all([1, 2].map(async () => (await harness?.create({ seed: 5, noCache: true }))?.id ?? ''));
    let ended = false;
    const stops = (async () => {
      let count = 0;
      while (!ended) {
        await sleep(1_000 + random.below(1_500));
        await postgres.stop();
        await sleep(random.below(2_000));
        await postgres.revive();
        count += 1;
      }
      return count;
    })();
    try {
      for (const id of ids) assert.deepEqual(figures(await patiently(harness, id)), expected);
    } finally {
      ended = true;
    }
    assert.ok((await stops) >= 3);
    const keys = harness.workers.flatMap((worker) => worker.calls.filter((call) => call.state === 'done' && call.context.workKey !== ''));
    assert.equal(new Set(keys.map((call) => call.context.workKey)).size, keys.length, 'a unit was computed twice');
  });

  it('write each change once although the answers to one commit in ten are lost', async (t) => {
    const random = new Xoshiro128(12);
    proxy = new LossyProxy(postgres.url, () => random.below(10) === 0);
    harness = await Harness.start(2, { DATABASE_URL: await proxy.listen(), RIFT_EXECUTOR_ID: 'lossy' });
    for (let round = 0; round < 3; round += 1) {
      const { id } = await harness.create({ seed: 5, noCache: true });
      assert.deepEqual(figures(await patiently(harness, id)), expected);
      const states: string[] = [];
      for await (const event of harness.watch(id)) if (event.event === 'runState') states.push(event.runState ?? '');
      assert.deepEqual(states, ['RUN_STATE_QUEUED', 'RUN_STATE_RUNNING', 'RUN_STATE_SUCCEEDED']);
      const cancelled = await harness.create({ seed: 6 + round, noCache: true });
      assert.equal((await harness.cancel(cancelled.id)).state, 'RUN_STATE_CANCELLED');
    }
    t.diagnostic(`${proxy.lost} commits stood although they were said to have failed`);
    assert.ok(proxy.lost >= 5);
  });

  it('compute again only what was said to have failed, where one call in twenty is done and its answer lost', async (t) => {
    const random = new Xoshiro128(13);
    harness = await Harness.start(2, { DATABASE_URL: postgres.url, RIFT_EXECUTOR_ID: 'unheard' });
    let unheard = 0;
    for (const worker of harness.workers) {
      worker.behaviour.fate = () => {
        if (random.below(20) !== 0) return undefined;
        unheard += 1;
        return 'unheard';
      };
    }
    for (let round = 0; round < 3; round += 1) {
      const { id } = await harness.create({ seed: 5, noCache: true });
      assert.deepEqual(figures(await harness.ended(id)), expected);
    }
    const done = harness.workers.flatMap((worker) => worker.calls.filter((call) => call.state === 'done' && call.context.workKey !== ''));
    const keys = new Set(done.map((call) => call.context.workKey));
    t.diagnostic(`${unheard} of ${done.length} calls were done and said to have failed`);
    assert.ok(unheard > 0);
    assert.equal(done.length - keys.size, unheard);
  });
});

/** Waits for the end of a run; asks again when the database was away. */
async function patiently(harness: Harness, id: string): Promise<Awaited<ReturnType<Harness['get']>>> {
  await harness.until(`run ${id} ends`, async () => !/QUEUED|RUNNING/.test((await harness.get(id)).state));
  return harness.get(id);
}
