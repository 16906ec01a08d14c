import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Internal, InvalidArgument, Unavailable, type ServiceError } from '@rift/service-kit';
import { goingDown } from './testing/fake-workers.js';
import { Harness, figuresOf } from './testing/harness.js';

/** Every test has a seed of its own, so that none finds the results of another. */
let seed = 100;

describe('a run whose workers misbehave', () => {
  let harness: Harness;

  before(async () => {
    harness = await Harness.start(2, { RIFT_WORKER_SILENCE_SECONDS: '4', RIFT_MAX_ATTEMPTS: '4' });
  });
  after(() => harness.close());
  beforeEach(() => {
    seed += 1;
    for (const worker of harness.workers) {
      worker.calls.length = 0;
      Object.assign(worker.behaviour, { delayMs: 5, capacity: Infinity, fate: () => undefined });
    }
  });

  it('waits for workers that are busy, without counting the tries', async () => {
    for (const worker of harness.workers) Object.assign(worker.behaviour, { capacity: 1, delayMs: 30 });
    const run = await harness.ended((await harness.create({ seed })).id);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    const calls = harness.workers.flatMap((worker) => worker.calls);
    assert.ok(calls.some((call) => call.state === 'refused'));
    assert.ok(calls.every((call) => call.context.attempt <= 1));
  });

  it('tries a unit again, as the next attempt under the same key, when its worker is lost', async () => {
    const attempts = await fineTunings(new Unavailable('worker', 'Connection dropped'), 2);
    assert.deepEqual(attempts.map(({ attempt }) => attempt).sort(), [1, 2, 3]);
    assert.equal(new Set(attempts.map(({ workKey }) => workKey)).size, 1);
  });

  it('goes on without counting a try when a worker is shutting down, however often', async () => {
    const attempts = await fineTunings(goingDown(), 6);
    assert.deepEqual(
      attempts.map(({ attempt }) => attempt),
      [1, 1, 1, 1, 1, 1, 1],
    );
    assert.equal(new Set(attempts.map(({ workKey }) => workKey)).size, 1);
  });

  /** A run whose first fine-tunings end with an error: what each of them was told. */
  async function fineTunings(error: ServiceError, losses: number) {
    let lost = 0;
    for (const worker of harness.workers) {
      worker.behaviour.fate = (method) => {
        if (method !== 'FineTune' || lost === losses) return undefined;
        lost += 1;
        return error;
      };
    }
    const run = await harness.ended((await harness.create({ seed })).id);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    const calls = harness.workers.flatMap((worker) => worker.calls).filter((call) => call.method === 'FineTune');
    return calls.map(({ context }) => context);
  }

  it('gives a silent worker up and tries elsewhere', async () => {
    for (const worker of harness.workers) {
      worker.behaviour.fate = (method, context) => (method === 'CraftAdversarialSet' && context.attempt === 1 ? 'silent' : undefined);
    }
    const run = await harness.ended((await harness.create({ seed })).id);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    assert.ok(
      harness.workers.some((worker) => worker.calls.some((call) => call.method === 'CraftAdversarialSet' && call.state === 'cancelled')),
    );
  });

  it('goes on when one worker dies and does without it', async () => {
    const [victim, other] = harness.workers;
    assert.ok(victim && other);
    for (const worker of harness.workers) worker.behaviour.delayMs = 40;
    const { id } = await harness.create({ seed });
    await harness.until('the victim works', () => victim.calls.length > 2);
    victim.stop();
    const run = await harness.ended(id);
    await victim.start();
    assert.equal(run.failure, null);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
  });

  it('fails with the worker’s own words when trying again cannot help, and stops its other stages', async () => {
    for (const worker of harness.workers) {
      worker.behaviour.delayMs = 50;
      worker.behaviour.fate = (method) =>
        method === 'MeasureCriticality' ? new InvalidArgument('spec.weightEpsilon', 5, 'must be at most 1') : undefined;
    }
    const run = await harness.ended((await harness.create({ seed })).id);
    assert.equal(run.state, 'RUN_STATE_FAILED');
    assert.deepEqual(run.failure, {
      code: 'INVALID_ARGUMENT',
      message: 'Stage criticality: spec.weightEpsilon is 5: must be at most 1',
      field: 'spec.weightEpsilon',
    });
    const states = Object.fromEntries(run.stages.map((stage) => [stage.id, stage.state]));
    assert.equal(states['criticality'], 'RUN_STATE_FAILED');
    assert.equal(states['fine-tune'], 'RUN_STATE_QUEUED');
    assert.equal(harness.workers.flatMap((worker) => worker.calls).filter((call) => call.method === 'FineTune').length, 0);
  });

  it('fails after a number of tries that fail inside the worker, and succeeds once resumed with a sound one', async () => {
    for (const worker of harness.workers) {
      worker.behaviour.fate = (method) => (method === 'FineTune' ? new Internal('out of memory') : undefined);
    }
    const failed = await harness.ended((await harness.create({ seed })).id);
    assert.equal(failed.state, 'RUN_STATE_FAILED');
    assert.match(failed.failure?.message ?? '', /Stage fine-tune: out of memory/);
    const crafted = harness.workers.flatMap((worker) => worker.done('CraftAdversarialSet')).length;
    for (const worker of harness.workers) worker.behaviour.fate = () => undefined;
    await harness.resume(failed.id);
    const run = await harness.ended(failed.id);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    assert.equal(run.failure, null);
    assert.equal(harness.workers.flatMap((worker) => worker.done('CraftAdversarialSet')).length, crafted);
  });
});

describe('an orchestrator that is killed', () => {
  it('goes on with its runs after the restart, to the same results and without repeating a finished unit', async () => {
    const undisturbed = await Harness.start(1);
    const expected = await undisturbed.ended((await undisturbed.create({ seed: 1 })).id);
    await undisturbed.close();

    const harness = await Harness.start(1);
    try {
      harness.worker.behaviour.delayMs = 60;
      const { id } = await harness.create({ seed: 1 });
      const kills: { kept: Set<string>; callsBefore: number }[] = [];
      for (const units of [2, 5, 9, 15]) {
        await harness.until(`${units} units are kept`, async () => (await harness.keptKeys()).size >= units);
        await harness.kill('SIGKILL');
        const kept = await harness.keptKeys();
        assert.ok(kept.size >= units, `${kept.size} of ${units} kept units outlived the kill`);
        kills.push({ kept, callsBefore: harness.worker.calls.length });
        await harness.boot();
      }
      const run = await harness.ended(id);
      assert.equal(run.failure, null);
      assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
      assert.deepEqual(figuresOf(run).slice(0, -1), figuresOf(expected).slice(0, -1));
      for (const { kept, callsBefore } of kills) {
        assert.deepEqual(
          harness.worker.calls.slice(callsBefore).filter((call) => kept.has(call.context.workKey)),
          [],
        );
      }
    } finally {
      await harness.close();
    }
  });

  it('ends within seconds on SIGTERM, stops its jobs and goes on after the restart', async () => {
    const harness = await Harness.start(1);
    try {
      harness.worker.behaviour.delayMs = 60_000;
      const { id } = await harness.create({ seed: 2 });
      await harness.until('a job runs', () => harness.worker.calls.some((call) => call.state === 'running'));
      const watch = harness.watch(id);
      await watch.next();
      const watching = assert.rejects(async () => {
        for await (const event of watch) void event;
      }, Unavailable);
      const since = Date.now();
      assert.equal(await harness.kill('SIGTERM'), 0);
      assert.ok(Date.now() - since < 30_000, `took ${Date.now() - since} ms`);
      await watching;
      assert.ok(harness.worker.calls.every((call) => call.state !== 'running'));
      harness.worker.behaviour.delayMs = 5;
      await harness.boot();
      assert.equal((await harness.ended(id)).state, 'RUN_STATE_SUCCEEDED');
    } finally {
      await harness.close();
    }
  });
});
