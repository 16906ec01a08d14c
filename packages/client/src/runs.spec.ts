import { Cancelled, FailedPrecondition, NotFound, Unavailable } from '@rift/service-kit/client';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { RiftClient } from './client.js';
import { FakeOrchestrator } from './testing/fake-orchestrator.js';

const PLAN = { stages: [{ id: 'evaluate', evaluate: {} }] };

describe('Runs', () => {
  let fake: FakeOrchestrator;
  let client: RiftClient;

  beforeEach(async () => {
    fake = new FakeOrchestrator();
    client = new RiftClient(await fake.start());
  });
  afterEach(() => {
    client.close();
    fake.stop();
  });

  it('starts one run however often the connection breaks while it is created', async () => {
    fake.breaks.set('CreateRun', { times: 2, after: 0 });
    const run = await client.runs.create({ name: 'n', plan: PLAN });
    assert.equal(run.name, 'n');
    assert.equal(fake.runs.size, 1);
    const ids = fake.calls
      .filter(({ method }) => method === 'CreateRun')
      .map(({ request }) => (request as { requestId: string }).requestId);
    assert.equal(ids.length, 3);
    assert.equal(new Set(ids).size, 1);
  });

  it('gives the error class that the service threw, with its fields', async () => {
    await assert.rejects(client.runs.get('none'), (error) => error instanceof NotFound && error.what === 'run' && error.id === 'none');
  });

  it('sees every event once and in order across broken streams', async () => {
    const run = await client.runs.create({ plan: PLAN });
    fake.breaks.set('WatchRun', { times: 2, after: 1 });
    const seen: number[] = [];
    for await (const event of client.runs.watch(run.id)) seen.push(event.sequence);
    assert.deepEqual(seen, [1, 2, 3]);
    const after = fake.calls
      .filter(({ method }) => method === 'WatchRun')
      .map(({ request }) => (request as { afterSequence: number }).afterSequence);
    assert.deepEqual(after, [0, 1, 2]);
  });

  it('goes on watching when a stream ends in good order before the run does', async () => {
    fake.finalState = 'RUN_STATE_RUNNING';
    const run = await client.runs.create({ plan: PLAN });
    const events = client.runs.watch(run.id);
    assert.equal((await events.next()).value?.runState, 'RUN_STATE_RUNNING');
    setTimeout(() => fake.end(run.id, 'RUN_STATE_SUCCEEDED'), 50);
    const states: (string | undefined)[] = [];
    for await (const event of events) states.push(event.event);
    assert.deepEqual(states, ['stage', 'runState']);
  });

  it('gives up watching when the service stays away', async () => {
    const run = await client.runs.create({ plan: PLAN });
    fake.stop();
    await assert.rejects(async () => {
      for await (const event of client.runs.watch(run.id, { patienceMs: 300 }))
        assert.fail(`an event of a dead service: ${event.sequence}`);
    }, Unavailable);
  });

  it('stops watching at once when the signal fires, and leaves the run alone', async () => {
    fake.finalState = 'RUN_STATE_RUNNING';
    const run = await client.runs.create({ plan: PLAN });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 30);
    await assert.rejects(client.runs.waitFor(run.id, { signal: stop.signal }), Cancelled);
    assert.equal(fake.runs.get(run.id)?.state, 'RUN_STATE_RUNNING');
  });

  it('waits for the end and returns the run with its results', async () => {
    fake.resultsOf = () => ({ evaluate: { evaluate: { standard: { correct: 8, total: 10 } } } });
    const run = await client.runs.create({ plan: PLAN });
    const events: string[] = [];
    const ended = await client.runs.waitFor(run.id, { onEvent: (event) => events.push(event.event ?? '') });
    assert.equal(ended.stages[0]?.result?.evaluate?.standard?.correct, 8);
    assert.deepEqual(events, ['runState', 'stage', 'runState']);
  });

  it('lists runs over all pages, newest first', async () => {
    for (const name of ['a', 'b', 'c']) await client.runs.create({ name });
    const names: string[] = [];
    for await (const run of client.runs.list()) names.push(run.name);
    assert.deepEqual(names, ['c', 'b', 'a']);
  });

  it('does not repeat a call that the service refused', async () => {
    await assert.rejects(client.runs.cancel('none'), (error) => !(error instanceof FailedPrecondition) && error instanceof NotFound);
    assert.equal(fake.calls.filter(({ method }) => method === 'CancelRun').length, 1);
  });
});
