// What the real services do with the real engine when there are more of them, when one hangs, is told to stop or loses a file. All of it has
// to come to the bytes of one attacker and one trainer that nobody disturbed.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Run } from '@rift/contracts';

import { FaultStack } from '../support/fault-stack.js';
import { resultsOf, smallRun, type SmallRun } from '../support/small-run.js';

/** The method without the evaluations before and after it. */
const STAGES = new Set(['craft', 'criticality', 'fine-tune', 'interpolate']);

describe('two attackers and two trainers', () => {
  let stack: FaultStack;
  let small: SmallRun;
  let expected: string;

  before(async () => {
    await using alone = await FaultStack.start();
    small = await method(alone);
    expected = await finished(alone, true);
    stack = await FaultStack.start({ attackers: 2, trainers: 2, diskMiB: 96, orchestrator: { RIFT_WORKER_SILENCE_SECONDS: '4' } });
    await method(stack);
  });
  after(async () => stack[Symbol.asyncDispose]());

  async function method(on: FaultStack): Promise<SmallRun> {
    const { settings, plan } = await smallRun(on.client);
    return { settings, plan: { stages: plan.stages.filter(({ id }) => STAGES.has(id)) } };
  }

  async function begin(on = stack, noCache = true): Promise<string> {
    const { settings, plan } = small;
    return (await on.client.runs.create({ name: 'small', settings: { ...settings, noCache }, plan })).id;
  }

  async function resultOf(on: FaultStack, id: string): Promise<{ run: Run; results: string }> {
    const run = await on.client.runs.waitFor(id, { patienceMs: 120_000 });
    return { run, results: resultsOf(run) };
  }

  async function finished(on = stack, noCache = true): Promise<string> {
    const { run, results } = await resultOf(on, await begin(on, noCache));
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED', run.failure?.message);
    return results;
  }

  /** The jobs that begin from now on. */
  function jobsFromNow(): { kinds: () => string[]; has: (kind: string) => boolean } {
    const from = stack.jobs.length;
    const kinds = (): string[] =>
      stack.jobs
        .slice(from)
        .filter(({ what }) => what === 'began')
        .map(({ kind }) => kind);
    return { kinds, has: (kind) => kinds().includes(kind) };
  }

  it('share the work, and come to the same bytes as one of each', async () => {
    assert.equal(await finished(), expected);
    assert.equal(new Set(stack.jobs.map(({ service }) => service)).size, 4);
  });

  it('do without a trainer that hangs: its work is done by the other', async () => {
    const from = stack.jobs.length;
    const id = await begin();
    const hit = (): boolean =>
      stack.jobs.slice(from).some(({ service, what, kind }) => service === 'trainer-0' && what === 'began' && kind === 'criticality');
    await stack.until('trainer-0 measures', hit);
    const go = stack.pause('trainer-0');
    try {
      assert.equal((await resultOf(stack, id)).results, expected);
    } finally {
      go();
    }
  });

  it('stop within a second of a cancellation, and the resumed run ends with the same bytes', async (t) => {
    const from = stack.jobs.length;
    const { has } = jobsFromNow();
    const id = await begin();
    await stack.until('the fine-tuning runs', () => has('fineTune'));
    const at = Date.now();
    assert.equal((await stack.client.runs.cancel(id)).state, 'RUN_STATE_CANCELLED');
    const stopped = (): number | undefined =>
      stack.jobs.slice(from).find(({ what, kind }) => what === 'cancelled' && kind === 'fineTune')?.at;
    await stack.until('the native job has stopped', () => stopped() !== undefined);
    t.diagnostic(`stopped ${(stopped() ?? 0) - at} ms after the cancellation was sent`);
    assert.ok((stopped() ?? Infinity) - at <= 1_000);
    await stack.client.runs.resume(id);
    assert.equal((await resultOf(stack, id)).results, expected);
  });

  it('are left by an orchestrator that is told to stop within 30 s, with a job running and streams open', async (t) => {
    const { has } = jobsFromNow();
    const id = await begin();
    const reading = resultOf(stack, id);
    await stack.until('the fine-tuning runs', () => has('fineTune'));
    const { code, ms } = await stack.signal('orchestrator', 'SIGTERM');
    t.diagnostic(`ended after ${Math.round(ms)} ms`);
    assert.equal(code, 0);
    assert.ok(ms < 30_000);
    assert.equal((await reading).results, expected);
  });

  it('say that the disk is full, and go on once there is room', async (t) => {
    if (!stack.hasOwnDisk) return t.skip('this account may not mount a small disk');
    const makeRoom = await stack.fillDisk();
    const id = await begin();
    const { run } = await resultOf(stack, id);
    await makeRoom();
    assert.equal(run.state, 'RUN_STATE_FAILED');
    assert.equal(run.failure?.code, 'RESOURCE_EXHAUSTED');
    assert.match(run.failure.message, /no room left|disk/);
    await stack.client.runs.resume(id);
    assert.equal((await resultOf(stack, id)).results, expected);
  });

  it('compute again what was lost from the store, and nothing else; an input that is lost is named', async () => {
    const first = jobsFromNow();
    const { run, results } = await resultOf(stack, await begin(stack, false));
    assert.equal(results, expected);
    const object = (digest: string): string => join(stack.folder, 'artifacts', 'objects', digest.slice(0, 2), digest.slice(2));
    const tuned = run.stages.find(({ id }) => id === 'fine-tune')?.result?.fineTune?.digest ?? '';
    await rm(object(tuned));
    const again = jobsFromNow();
    assert.equal(await finished(stack, false), expected);
    assert.deepEqual(again.kinds(), ['fineTune']);
    assert.ok(first.kinds().length > 5);

    await rm(object(small.settings.network));
    const { run: failed } = await resultOf(stack, await begin());
    assert.equal(failed.state, 'RUN_STATE_FAILED');
    assert.equal(failed.failure?.code, 'NOT_FOUND');
    assert.ok(failed.failure?.message.includes(small.settings.network));
  });
});
