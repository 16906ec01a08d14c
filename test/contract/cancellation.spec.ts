// The call is the lease of its job: however it ends, the job behind it is told to stop, and the device is free afterwards.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

import type { ClientReadableStream } from '@grpc/grpc-js';
import type { AttackerServiceClient, ConversionServiceClient, TrainerServiceClient } from '@rift/contracts';
import { Cancelled, DeadlineExceeded } from '@rift/service-kit';

import { failure, last, messages, unary } from '../support/calls.js';
import type { FakeJob } from '../support/fake-addon.js';
import { CPU, CRITICALITY, craftRequest, evaluateRequest, fineTuneRequest, trainRequest } from '../support/requests.js';
import { Workers } from '../support/workers.js';

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    assert.ok(waited < 2000, `not within 2 s: ${what}`);
    await sleep(5);
  }
}

describe('the lease of a job', () => {
  let workers: Workers;
  let attacker: AttackerServiceClient;
  let trainer: TrainerServiceClient;
  let conversion: ConversionServiceClient;
  let network: string;
  let split: string;

  before(async () => {
    workers = await Workers.create();
    attacker = (await workers.attacker()).client;
    ({ client: trainer, conversion } = await workers.trainer());
    network = await workers.artifact('network');
    split = await workers.artifact('split');
  });
  after(() => workers[Symbol.asyncDispose]());
  beforeEach(async () => {
    await workers.idle();
    workers.addon.held.clear();
  });

  const calls: Record<string, [kind: string, start: () => ClientReadableStream<unknown>]> = {
    CraftAdversarialSet: ['craft', () => attacker.craftAdversarialSet(craftRequest(network, split))],
    Evaluate: ['evaluate', () => attacker.evaluate(evaluateRequest(network, split))],
    Corrupt: ['corrupt', () => attacker.corrupt({ data: { splitDigest: split }, spec: { corruption: 'fog', severity: 1 } })],
    TrainAdversarially: ['train', () => trainer.trainAdversarially(trainRequest(split))],
    MeasureCriticality: [
      'criticality',
      () => trainer.measureCriticality({ network: { digest: network }, adversarialSet: split, spec: CRITICALITY, compute: CPU }),
    ],
    FineTune: ['fineTune', () => trainer.fineTune(fineTuneRequest(network, split))],
    Interpolate: ['interpolate', () => trainer.interpolate({ fromDigest: network, toDigest: split, alphas: [0.5] })],
  };

  for (const [name, [kind, start]] of Object.entries(calls)) {
    it(`ends with the call: cancelling ${name} cancels its native job`, async () => {
      workers.addon.held.add(kind);
      const submitted = workers.addon.nextJob();
      const stream = start();
      const ended = failure(messages(stream));
      const job = await submitted;
      assert.equal(job.cancelled, false);
      stream.cancel();
      assert.ok((await ended) instanceof Cancelled);
      await until(() => job.cancelled, 'the native job is cancelled');
    });
  }

  it('ends with the deadline of the call', async () => {
    workers.addon.held.add('craft');
    const submitted = workers.addon.nextJob();
    const ended = failure(messages(attacker.craftAdversarialSet(craftRequest(network, split), { deadline: Date.now() + 150 })));
    const job = await submitted;
    assert.ok((await ended) instanceof DeadlineExceeded);
    await until(() => job.cancelled, 'the native job is cancelled');
  });

  it('ends with a unary call', async () => {
    workers.addon.held.add('inspectNetwork');
    const submitted = workers.addon.nextJob();
    const call = conversion.inspectNetwork({ digest: network }, () => undefined);
    const job = await submitted;
    call.cancel();
    await until(() => job.cancelled, 'the native job is cancelled');
    workers.addon.held.clear();
    assert.equal((await unary(conversion.inspectNetwork.bind(conversion), { digest: network })).network?.digest, network);
  });

  it('frees the device: the next job is admitted once the cancelled one has stopped', async () => {
    workers.addon.held.add('craft');
    const submitted = workers.addon.nextJob();
    const stream = attacker.craftAdversarialSet(craftRequest(network, split));
    const ended = failure(messages(stream));
    await submitted;
    stream.cancel();
    await ended;
    workers.addon.held.clear();
    await workers.idle();
    assert.ok((await last(attacker.evaluate(evaluateRequest(network, split)))).result);
  });

  it('costs a slow reader no more than the latest progress', async () => {
    workers.addon.held.add('evaluate');
    const submitted = workers.addon.nextJob();
    const stream = attacker.evaluate(evaluateRequest(network, split));
    const job = await submitted;
    const phase = 'x'.repeat(20_000);
    job.progress(0, 2000, phase);
    // A client that has never read takes everything into its memory, so this one reads once.
    await once(stream, 'data');
    stream.pause();
    for (let done = 1; done < 2000; done += 1) {
      job.progress(done, 2000, phase);
      await setImmediate();
    }
    finishLater(job);
    const events = await messages(stream);
    assert.equal(events.at(-1)?.event, 'result');
    assert.ok(events.length < 100, `${events.length} messages of 2,000 were kept`);
    assert.equal(events.at(-2)?.progress?.done, 1999);
  });
});

function finishLater(job: FakeJob): void {
  setTimeout(() => job.finish(), 20);
}
