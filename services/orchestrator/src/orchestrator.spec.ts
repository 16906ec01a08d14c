import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Run } from '@rift/contracts';
import { AlreadyExists, FailedPrecondition, InvalidArgument, NotFound } from '@rift/service-kit';
import { ArtifactServiceConstructor, RunServiceConstructor } from '@rift/contracts';
import type { ReportData } from './report/data/types.js';
import { Harness, figuresOf } from './testing/harness.js';

describe('a run', () => {
  let harness: Harness;
  let finished: Run;

  before(async () => {
    harness = await Harness.start(2);
    finished = await harness.ended((await harness.create()).id);
  });
  after(() => harness.close());

  it('executes the whole plan and ends with the results of all stages', () => {
    assert.equal(finished.failure, null);
    assert.equal(finished.state, 'RUN_STATE_SUCCEEDED');
    assert.ok(finished.stages.every((stage) => stage.state === 'RUN_STATE_SUCCEEDED' && stage.result !== null));
    assert.notEqual(finished.stages.at(-1)?.result?.report?.verdict, '');
    assert.ok(finished.startedAt && finished.endedAt);
  });

  it('fine-tunes the module that the criticality stage found least critical', () => {
    const tuned = finished.stages.find((stage) => stage.id === 'fine-tune')?.result?.fineTune;
    assert.deepEqual(Object.keys(tuned?.relativeChange ?? {}), ['layer2.0.conv1']);
  });

  it('walks from the given network to the fine-tuned one, chooses alpha by the plan’s rule and takes the network there', () => {
    const [tuned, walk] = ['fine-tune', 'interpolate'].map((id) => finished.stages.find((stage) => stage.id === id)?.result);
    const given = 'a'.repeat(64);
    const toDigest = tuned?.fineTune?.digest ?? '';
    const { points = [], chosenAlpha, digest } = walk?.interpolate ?? {};
    assert.deepEqual([points.length, chosenAlpha], [15, 0.875]);
    const measured = harness.workers.flatMap((worker) => worker.requests('Evaluate', finished.id, 'interpolate'));
    const ends = [given, toDigest].map((end) => ({ digest: end, blend: null }));
    const between = points.slice(1, -1).map(({ alpha }) => ({ digest: given, blend: { toDigest, alpha } }));
    const sorted = (networks: readonly unknown[]): string[] => networks.map((network) => JSON.stringify(network)).sort();
    assert.deepEqual(sorted(measured.map(({ network }) => network)), sorted([...ends, ...between]));
    const content = JSON.stringify(['between', given, toDigest, chosenAlpha]);
    assert.equal(digest, createHash('sha256').update(content).digest('hex'), 'what the fake makes of the two ends');
  });

  it('joins the shards of an evaluation to what one call would give', () => {
    const evaluation = finished.stages.find((stage) => stage.id === 'before')?.result?.evaluate;
    assert.equal(evaluation?.standard?.perImage.length, 80);
    assert.equal(
      evaluation?.standard?.correct,
      evaluation?.standard?.perImage.reduce((a, b) => a + b, 0),
    );
  });

  it('spreads modules over all trainers, one a call', () => {
    const counts = harness.workers.map((worker) => worker.done('MeasureCriticality').length);
    assert.equal(
      counts.reduce((a, b) => a + b),
      6,
    );
    assert.ok(counts.every((count) => count > 0));
  });

  it('takes results that an earlier run computed and marks the stages', async () => {
    const calls = harness.workers.flatMap((worker) => worker.calls).length;
    const again = await harness.ended((await harness.create()).id);
    assert.equal(again.state, 'RUN_STATE_SUCCEEDED');
    assert.equal(harness.workers.flatMap((worker) => worker.calls).length, calls);
    assert.ok(again.stages.filter((stage) => stage.id !== 'report').every((stage) => stage.cached));
    assert.deepEqual(figuresOf(again).slice(0, -1), figuresOf(finished).slice(0, -1));
  });

  it('computes all again when asked to', async () => {
    const fresh = await harness.ended((await harness.create({ noCache: true })).id);
    assert.ok(fresh.stages.every((stage) => !stage.cached));
    assert.deepEqual(figuresOf(fresh).slice(0, -1), figuresOf(finished).slice(0, -1));
  });

  it('is the same run when its request is repeated, and refused when it differs', async () => {
    const requestId = randomUUID();
    const one = await harness.create({}, null, requestId);
    const two = await harness.create({}, null, requestId);
    assert.equal(one.id, two.id);
    await assert.rejects(harness.create({ seed: 8 }, null, requestId), AlreadyExists);
    await harness.ended(one.id);
  });

  it('is told in order, and to a reader that comes back from where it was', async () => {
    const all = await collect(harness.watch(finished.id));
    const sequences = all.map((event) => event.sequence);
    assert.deepEqual(
      sequences,
      [...sequences].sort((a, b) => a - b),
    );
    assert.equal(sequences.at(-1), finished.lastSequence);
    const middle = sequences[Math.floor(sequences.length / 2)] ?? 0;
    const rest = await collect(harness.watch(finished.id, middle));
    assert.deepEqual(
      rest,
      all.filter((event) => event.sequence > middle),
    );
    const states = all.filter((event) => event.event === 'runState').map((event) => event.runState);
    assert.deepEqual(states, ['RUN_STATE_QUEUED', 'RUN_STATE_RUNNING', 'RUN_STATE_SUCCEEDED']);
  });

  it('tells in its log of the beginning and the end of every stage, with figures, computed or known', async () => {
    const ids = finished.stages.map(({ id }) => id);
    const linesOf = async (id: string): Promise<string[]> => (await collect(harness.watch(id))).flatMap(({ log }) => log ?? []);
    const lines = await linesOf(finished.id);
    for (const id of ids) {
      const own = lines.filter((line) => line.startsWith(`${id}: `));
      assert.match(own[0] ?? '', /: begins( on|$)/);
      assert.match(own.at(-1) ?? '', /: done in [\d.]+ (s|min)[^:]*: ./, id);
    }
    assert.ok(
      lines.some((line) => /^criticality: done in .*, \d units computed: .*least critical layer2\.0\.conv1/.test(line)),
      lines.join('\n'),
    );
    const reasons = lines.filter((line) => /layer2\.0\.conv1 has the smallest criticality/.test(line));
    assert.equal(reasons.length, 1, 'the stage that chooses says why, once');
    const again = await linesOf((await harness.ended((await harness.create()).id)).id);
    for (const id of ids.slice(0, -1))
      assert.ok(
        again.some((line) => line.startsWith(`${id}: known from an earlier run: `)),
        id,
      );
    const chunks = await collect(
      harness.peer.serverStream(ArtifactServiceConstructor.service.Download, {
        digest: finished.stages.at(-1)?.result?.report?.jsonDigest ?? '',
      }),
    );
    const { provenance } = JSON.parse(Buffer.concat(chunks.map(({ chunk }) => Buffer.from(chunk))).toString()) as ReportData;
    assert.deepEqual(
      provenance.log.map(({ line }) => line),
      lines.slice(0, lines.findIndex((line) => line.startsWith('report: begins')) + 1),
    );
    assert.ok(provenance.stages.filter(({ kind }) => kind !== 'report').every(({ figures }) => Object.keys(figures).length > 0));
  });

  it('stops its jobs when it is cancelled, and repeats no finished unit when it is resumed', async () => {
    const calls = () => harness.workers.flatMap((worker) => worker.calls).filter((call) => call.context.runId === id);
    for (const worker of harness.workers) {
      worker.behaviour.fate = (method) =>
        method === 'MeasureCriticality' && calls().filter((call) => call.method === method).length > 3 ? 'silent' : undefined;
    }
    const { id } = await harness.create({ seed: 21 });
    const measured = () => calls().filter((call) => call.method === 'MeasureCriticality');
    await harness.until(
      'three modules are measured and others hang',
      () => measured().length === 6 && measured().filter((call) => call.state === 'done').length === 3,
    );
    assert.equal((await harness.cancel(id)).state, 'RUN_STATE_CANCELLED');
    await harness.until('no job runs', () => calls().every((call) => call.state !== 'running'));
    assert.equal(measured().filter((call) => call.state === 'cancelled').length, 3);
    assert.equal((await harness.ended(id)).state, 'RUN_STATE_CANCELLED');

    for (const worker of harness.workers) worker.behaviour.fate = () => undefined;
    await harness.resume(id);
    const run = await harness.ended(id);
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    const keys = calls()
      .filter((call) => call.state === 'done')
      .map((call) => call.context.workKey);
    assert.equal(new Set(keys).size, keys.length, 'a unit was computed twice');
    assert.equal(measured().filter((call) => call.state === 'done').length, 6);
    const log = (await collect(harness.watch(id))).flatMap(({ log: line }) => line ?? []);
    assert.ok(log.some((line) => /^cancelled; \d of \d+ stages are done/.test(line)));
    assert.ok(
      log.some((line) => /^criticality: done in .*, 3 of 6 units computed, 3 known before: /.test(line)),
      log.join('\n'),
    );
  });

  it('keeps no more than one progress event of a stage in its log', async () => {
    const events = await collect(harness.watch(finished.id));
    const progress = events.filter((event) => event.stage?.state === 'RUN_STATE_RUNNING' && event.stage.progress !== null);
    assert.equal(new Set(progress.map((event) => event.stage?.id)).size, progress.length);
  });

  it('cannot be cancelled or resumed once it has succeeded, but deleted', async () => {
    await assert.rejects(harness.cancel(finished.id), FailedPrecondition);
    await assert.rejects(harness.resume(finished.id), FailedPrecondition);
    const run = await harness.ended((await harness.create()).id);
    await harness.peer.unary(RunServiceConstructor.service.DeleteRun, { id: run.id });
    await assert.rejects(harness.get(run.id), NotFound);
    await assert.rejects(collect(harness.watch(run.id)), NotFound);
  });

  it('is listed newest first, in pages, without results', async () => {
    const list = RunServiceConstructor.service.ListRuns;
    const first = await harness.peer.unary(list, { pageSize: 2 });
    const second = await harness.peer.unary(list, { pageSize: 2, pageToken: first.nextPageToken });
    const whole = await harness.peer.unary(list, {});
    assert.deepEqual(
      [...first.runs, ...second.runs].map((run) => run.id),
      whole.runs.slice(0, 4).map((run) => run.id),
    );
    assert.ok(whole.runs.every((run) => run.stages.every((stage) => stage.result === null)));
    assert.equal(whole.runs.at(-1)?.id, finished.id);
  });

  it('is refused with the field at fault before anything is recorded', async () => {
    const fieldOf = async (promise: Promise<unknown>): Promise<string | undefined> =>
      promise.then(
        () => undefined,
        (error: unknown) => (error instanceof InvalidArgument ? error.violations[0]?.field : String(error)),
      );
    assert.equal(await fieldOf(harness.create({ profile: 'PROFILE_UNSPECIFIED' })), 'settings.profile');
    assert.equal(await fieldOf(harness.create({ priority: 11 })), 'settings.priority');
    assert.equal(await fieldOf(harness.create({}, null, 'no-uuid')), 'request_id');
    await assert.rejects(harness.create({ dataset: 'nowhere' }), NotFound);
    await assert.rejects(harness.create({ network: 'nowhere' }), NotFound);
  });
});

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}
