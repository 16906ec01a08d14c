// The online attack: settings first, then a batch in and a batch out, in order and at the reader's pace.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { AttackerServiceClient, PerturbRequestInput, PerturbResponse } from '@rift/contracts';
import { DeadlineExceeded, InvalidArgument, NotFound, ResourceExhausted } from '@rift/service-kit';

import { failure, last, messages } from '../support/calls.js';
import { CPU, PGD, evaluateRequest, images, labels } from '../support/requests.js';
import { Workers } from '../support/workers.js';

type Stream = ClientDuplexStream<PerturbRequestInput, PerturbResponse>;

const batch = (firstIndex: number, count = 2): PerturbRequestInput => ({
  batch: { images: images(count, 8, (firstIndex % 100) / 100), labels: labels(...Array<number>(count).fill(1)), firstIndex },
});

describe('Perturb', () => {
  let workers: Workers;
  let attacker: AttackerServiceClient;
  let network: string;
  let settings: PerturbRequestInput;

  before(async () => {
    workers = await Workers.create();
    network = await workers.artifact('network');
    settings = { settings: { network: { digest: network }, attack: PGD, seed: 1, compute: CPU } };
    attacker = (await workers.attacker({ RIFT_PERTURB_IDLE_SECONDS: '1', RIFT_PERTURB_STREAMS: '2' })).client;
  });
  after(() => workers[Symbol.asyncDispose]());

  const opened = async (): Promise<{ stream: Stream; session: () => (typeof workers.addon.sessions)[number] }> => {
    const stream = attacker.perturb();
    const index = workers.addon.sessions.length;
    stream.write(settings);
    return {
      stream,
      session: () => workers.addon.sessions[index] ?? assert.fail('no session was opened'),
    };
  };

  it('answers every batch in order with its images, the robust ones and the audit, and lets the network go at the end', async () => {
    const { stream, session } = await opened();
    for (const firstIndex of [0, 20, 40]) stream.write(batch(firstIndex));
    stream.end();
    const answers = await messages<PerturbResponse>(stream);
    assert.deepEqual(session().firstIndices, [0, 20, 40]);
    assert.deepEqual(
      answers.map((answer) => answer.images),
      [0, 0.2, 0.4].map((value) => images(2, 8, value)),
    );
    assert.deepEqual(answers[0]?.robust, labels(1, 1));
    assert.equal(answers[0]?.audit?.imagesChanged, 2);
    assert.equal(session().closed, 1);
  });

  it('ends well when nothing is sent at all', async () => {
    const stream = attacker.perturb();
    stream.end();
    assert.deepEqual(await messages(stream), []);
  });

  const wrong: [rule: string, send: () => PerturbRequestInput[], message: RegExp][] = [
    ['a batch before the settings', () => [batch(0)], /^content is batch: must be settings in the first message of a stream$/],
    ['a message with nothing in it', () => [{}], /^content is unset: must be settings/],
    ['settings a second time', () => [settings, settings], /^content is settings: must be batch in every message after the first$/],
    [
      'settings with a wrong attack',
      () => [{ settings: { ...settings.settings, attack: { ...PGD, steps: 0 } } }],
      /^settings\.attack\.steps is 0: must be a whole number from 1 to 100,000$/,
    ],
    [
      'a tensor whose bytes do not fit its shape',
      () => [settings, { batch: { ...batch(0).batch, images: { ...images(2, 8), shape: [3, 3, 8, 8] } } }],
      /^batch\.images\.data is 1536 bytes: must be 2304 bytes, as float32 \[3, 3, 8, 8\] takes$/,
    ],
    [
      'fewer labels than images',
      () => [settings, { batch: { ...batch(0).batch, labels: labels(1) } }],
      /^batch\.labels\.shape is \[1\]: must be \[2\]/,
    ],
    ['pixels outside [0, 1]', () => [settings, { batch: { ...batch(0).batch, images: images(2, 8, 255) } }], /must be pixels in \[0, 1\]/],
  ];
  for (const [rule, send, message] of wrong) {
    it(`refuses ${rule} and ends the stream`, async () => {
      const stream = attacker.perturb();
      for (const request of send()) stream.write(request);
      const error = await failure(messages(stream));
      assert.ok(error instanceof InvalidArgument);
      assert.match(error.message, message);
    });
  }

  it('refuses a network that is not in the store', async () => {
    const stream = attacker.perturb();
    stream.write({ settings: { ...settings.settings, network: { digest: 'f'.repeat(64) } } });
    const error = await failure(messages(stream));
    assert.ok(error instanceof NotFound);
    assert.match(error.message, /settings\.network\.digest names it/);
  });

  it('ends a stream that keeps the device without sending', async () => {
    const { stream } = await opened();
    assert.ok((await failure(messages(stream))) instanceof DeadlineExceeded);
  });

  it('lets streams share the device up to their limit, keeps jobs away meanwhile, and frees it at their end', async () => {
    const streams = [await opened(), await opened()];
    for (const { stream } of streams) {
      stream.write(batch(0));
      await once(stream, 'data');
    }
    assert.ok((await failure(messages((await opened()).stream))) instanceof ResourceExhausted);
    const refused = await failure(messages(attacker.evaluate(evaluateRequest(network, network))));
    assert.match(refused.message, /2 online streams are open/);
    for (const { stream } of streams) stream.end();
    for (const { stream } of streams) await messages(stream);
    assert.ok((await last(attacker.evaluate(evaluateRequest(network, network)))).result);
  });

  it('closes the session when the caller cancels while a batch is computed', async () => {
    const { stream, session } = await opened();
    stream.write(batch(0));
    await once(stream, 'data');
    session().gate = new Promise(() => undefined);
    stream.write(batch(2));
    const ended = failure(messages(stream));
    while (session().firstIndices.length < 2) await sleep(5);
    stream.cancel();
    await ended;
    for (let waited = 0; session().closed === 0; waited += 5) {
      assert.ok(waited < 2000, 'the session is not closed');
      await sleep(5);
    }
  });

  it('computes no further than a few batches ahead of a reader that does not read', async () => {
    const { stream, session } = await opened();
    // A client that has never read takes everything into its memory, so this one reads once.
    stream.write(batch(0));
    await once(stream, 'data');
    stream.pause();
    const sent = 80;
    const large = { batch: { images: images(16, 32), labels: labels(...Array<number>(16).fill(0)), firstIndex: 0 } };
    for (let index = 0; index < sent; index += 1) stream.write(large);
    stream.end();
    let computed = 0;
    for (let still = 0; still < 500; still += 20) {
      await sleep(20);
      const now = workers.addon.sessions.length === 0 ? 0 : session().firstIndices.length;
      if (now !== computed || now === 0) still = 0;
      computed = now;
    }
    // The client's own stream takes 16 messages before it stops reading; what is beyond them, the service holds.
    assert.ok(computed >= 16 && computed <= 22, `${computed} batches were computed`);
    assert.equal((await messages(stream)).length, sent);
  });
});
