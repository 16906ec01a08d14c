// Every RPC that runs a job, over real gRPC on loopback: what reaches the engine, what comes back, what is left behind.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, before, beforeEach, describe, it } from 'node:test';

import type { AttackerServiceClient, TrainerServiceClient } from '@rift/contracts';
import { ResourceExhausted, Unavailable } from '@rift/service-kit';

import { failure, last, messages } from '../support/calls.js';
import { CPU, CRITICALITY, craftRequest, evaluateRequest, fineTuneRequest, trainRequest } from '../support/requests.js';
import { Workers } from '../support/workers.js';

describe('jobs over gRPC', () => {
  let workers: Workers;
  let attacker: AttackerServiceClient;
  let trainer: TrainerServiceClient;
  let network: string;
  let split: string;

  before(async () => {
    workers = await Workers.create();
    network = await workers.artifact('network');
    split = await workers.artifact('split');
    attacker = (await workers.attacker()).client;
    trainer = (await workers.trainer()).client;
  });
  after(() => workers[Symbol.asyncDispose]());
  beforeEach(async () => {
    await workers.idle();
    workers.addon.jobs.length = 0;
    workers.addon.held.clear();
  });

  it('CraftAdversarialSet hands paths and the settings to the engine and answers with the digest of what it wrote', async () => {
    const { result } = await last(attacker.craftAdversarialSet(craftRequest(network, split)));
    const [job] = workers.addon.jobs;
    const { output, ...rest } = job?.request ?? {};
    assert.equal(typeof output, 'string');
    assert.deepEqual(rest, {
      checkpoint: null,
      network: { path: await workers.store.open(network), blend: null },
      data: { path: await workers.store.open(split), offset: 0, limit: 2 },
      spec: {
        attack: { ...craftRequest('', '').spec?.attack },
        seed: 1,
      },
      compute: { ...CPU, batchSize: 0, plain: false, memoryMib: 0 },
    });
    assert.ok(await workers.store.stat(result?.digest ?? ''));
    assert.deepEqual(result?.standard?.perImage, Buffer.from([1, 0]));
  });

  it('a blend names both ends by their paths', async () => {
    const request = { ...evaluateRequest(network, split), network: { digest: network, blend: { toDigest: split, alpha: 0.25 } } };
    await last(attacker.evaluate(request));
    assert.deepEqual(workers.addon.jobs[0]?.request['network'], {
      path: await workers.store.open(network),
      blend: { toPath: await workers.store.open(split), alpha: 0.25 },
    });
  });

  it('Evaluate answers with the result and stores nothing', async () => {
    const before = await countOf(workers.store.list());
    const { result } = await last(attacker.evaluate(evaluateRequest(network, split)));
    assert.equal(result?.standard?.correct, 1);
    assert.equal(await countOf(workers.store.list()), before);
  });

  it('Evaluate and CraftAdversarialSet keep their state in the folder of their key, where the next attempt finds it', async () => {
    const paths: unknown[] = [];
    for (const attempt of [1, 2]) {
      const context = { workKey: 'key-of-evaluation', attempt };
      await last(attacker.evaluate({ ...evaluateRequest(network, split), context }));
      paths.push(workers.addon.jobs.at(-1)?.request['checkpoint']);
    }
    assert.equal(typeof paths[0], 'string');
    assert.equal(paths[0], paths[1]);
    await last(attacker.craftAdversarialSet(craftRequest(network, split, 'key-of-set')));
    const ofSet = workers.addon.jobs.at(-1)?.request['checkpoint'];
    assert.equal(typeof ofSet, 'string');
    assert.notEqual(ofSet, paths[0]);
    await last(attacker.evaluate(evaluateRequest(network, split)));
    assert.equal(workers.addon.jobs.at(-1)?.request['checkpoint'], null);
  });

  it('Corrupt answers with the digest of the corrupted split', async () => {
    const { result } = await last(attacker.corrupt({ data: { splitDigest: split }, spec: { corruption: 'fog', severity: 3 } }));
    assert.ok(await workers.store.stat(result?.digest ?? ''));
    assert.equal(result?.rootMeanSquareChange, 0.1);
  });

  it('MeasureCriticality hands the adversarial set over by its path', async () => {
    const { result } = await last(
      trainer.measureCriticality({ network: { digest: network }, adversarialSet: split, spec: CRITICALITY, compute: CPU }),
    );
    assert.equal(workers.addon.jobs[0]?.request['adversarialSet'], await workers.store.open(split));
    assert.deepEqual(
      result?.modules.map(({ name, mrc }) => [name, mrc]),
      [['fc', 0.1]],
    );
  });

  it('FineTune and TrainAdversarially answer with the digest of the network', async () => {
    const tuned = await last(trainer.fineTune(fineTuneRequest(network, split)));
    const trained = await last(trainer.trainAdversarially(trainRequest(split)));
    assert.deepEqual(tuned.result?.relativeChange, { fc: 0.05 });
    for (const digest of [tuned.result?.digest, trained.result?.digest]) assert.ok(await workers.store.stat(digest ?? ''));
    assert.equal(workers.addon.jobs[1]?.request['initial'], null);
  });

  it('TrainAdversarially hands over every split and the network to go on from by their paths', async () => {
    const [selection, extra] = [await workers.artifact('held out'), await workers.artifact('generated')];
    const plain = trainRequest(split);
    const request = {
      ...{ ...plain, spec: { ...plain.spec, extraFraction: 0.3 } },
      ...{ selection: { splitDigest: selection, offset: 1, limit: 2 }, extra: { splitDigest: extra, offset: 3, limit: 4 } },
      initial: { digest: network },
    };
    await last(trainer.trainAdversarially(request));
    const job = workers.addon.jobs[0]?.request;
    const path = (digest: string) => workers.store.open(digest);
    assert.deepEqual(job?.['train'], { path: await path(split), offset: 0, limit: 0 });
    assert.deepEqual(job['selection'], { path: await path(selection), offset: 1, limit: 2 });
    assert.deepEqual(job['extra'], { path: await path(extra), offset: 3, limit: 4 });
    assert.deepEqual(job['initial'], { path: await path(network), blend: null });
  });

  it('Interpolate answers with one digest per position, in order', async () => {
    const { result } = await last(trainer.interpolate({ fromDigest: network, toDigest: split, alphas: [0, 0.5, 1] }));
    const contents = await Promise.all((result?.digests ?? []).map(async (digest) => textOf(workers.store.read(digest))));
    assert.deepEqual(contents, ['interpolate 1 0', 'interpolate 1 1', 'interpolate 1 2']);
  });

  it('sends progress before the result, and the result last', async () => {
    workers.addon.held.add('craft');
    const submitted = workers.addon.nextJob();
    const stream = attacker.craftAdversarialSet(craftRequest(network, split));
    const received = messages(stream);
    const job = await submitted;
    job.progress(1, 4);
    await new Promise((resolve) => stream.once('data', resolve));
    job.finish();
    const events = await received;
    assert.deepEqual(
      events.map(({ event }) => event),
      ['progress', 'result'],
    );
    assert.deepEqual(
      { ...events[0]?.progress, elapsedSeconds: 0 },
      { phase: 'working', done: 1, total: 4, unit: 'batches', metrics: { loss: 0.25 }, elapsedSeconds: 0, remainingSeconds: -1 },
    );
  });

  it('refuses a second job while one runs, saying when to come back, and takes the next afterwards', async () => {
    workers.addon.held.add('craft');
    const submitted = workers.addon.nextJob();
    const running = last(attacker.craftAdversarialSet(craftRequest(network, split)));
    const job = await submitted;
    const refused = await failure(messages(attacker.evaluate(evaluateRequest(network, split))));
    assert.ok(refused instanceof ResourceExhausted);
    assert.match(refused.message, /device is exhausted: it runs craft/);
    assert.equal(refused.retryAfterMs, 1000);
    job.finish();
    await running;
    await last(attacker.evaluate(evaluateRequest(network, split)));
  });

  it('keeps the checkpoint of a failed job for the next call with its work key, and removes it when the work is done', async () => {
    workers.addon.failures.set('fineTune', { code: 'Io', message: 'disk' });
    await failure(messages(trainer.fineTune(fineTuneRequest(network, split, 'key-1'))));
    workers.addon.failures.clear();
    const [folder] = (await readdir(workers.workFolder)).filter((name) => name.startsWith('key-'));
    assert.ok(folder);
    await last(trainer.fineTune(fineTuneRequest(network, split, 'key-1')));
    const [first, second] = workers.addon.jobs;
    assert.match(String(first?.request['checkpoint']), new RegExp(folder));
    assert.equal(first?.request['checkpoint'], second?.request['checkpoint']);
    assert.deepEqual(await readdir(workers.workFolder), []);
  });

  it('leaves no unfinished file in the store when a job fails', async () => {
    workers.addon.failures.set('craft', { code: 'Numeric', message: 'not a finite number in loss' });
    await failure(messages(attacker.craftAdversarialSet(craftRequest(network, split))));
    workers.addon.failures.clear();
    assert.deepEqual(await readdir(`${workers.folder}/artifacts/incoming`), []);
    assert.deepEqual(await readdir(workers.workFolder), []);
  });

  it('ends the running job and its call with UNAVAILABLE when the service shuts down, and waits for the job to stop', async () => {
    const { service, client } = await workers.trainer();
    workers.addon.held.add('train');
    const submitted = workers.addon.nextJob();
    const running = failure(messages(client.trainAdversarially(trainRequest(split, 'key-2'))));
    const job = await submitted;
    await service.close();
    assert.equal(job.cancelled, true);
    assert.ok((await running) instanceof Unavailable);
  });
});

async function countOf(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  const iterator = items[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true) count += 1;
  return count;
}

async function textOf(pieces: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece.toString();
  return text;
}
