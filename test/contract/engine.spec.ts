// The workers with the engine that was built: every job once on a small network, so that both sides of the boundary agree
// on every field, and cancellation that reaches the running computation.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import type { AttackerServiceClient, ConversionServiceClient, PerturbResponse, SplitInfo, TrainerServiceClient } from '@rift/contracts';
import { createCore } from '@rift/core';
import { Cancelled, InvalidArgument, NotFound } from '@rift/service-kit';
import { WORKER_PARTS, type WorkerParts } from '@rift/worker-kit';

import { failure, last, messages, unary } from '../support/calls.js';
import { writeNpySet } from '../support/npy.js';
import {
  CPU,
  CRITICALITY,
  PGD,
  craftRequest,
  evaluateRequest,
  fineTuneRequest,
  images,
  labels,
  trainRequest,
} from '../support/requests.js';
import { Workers } from '../support/workers.js';

describe('the workers with the built engine', () => {
  let workers: Workers;
  let attacker: AttackerServiceClient;
  let trainer: TrainerServiceClient;
  let conversion: ConversionServiceClient;
  let splits: Record<string, SplitInfo>;
  let network: string;
  let adversarialSet: string;
  let parts: WorkerParts;

  const split = (name: string): string => splits[name]?.digest ?? assert.fail(`no split ${name}`);

  /** Resolves a moment after a job of the attacker began: long enough for it to reach the engine. */
  const deviceTaken = async (): Promise<void> => {
    while (!parts.admission.busy) await sleep(5);
    await sleep(300);
  };

  const standardLoss = async (digest: string, blend?: { toDigest: string; alpha: number }): Promise<number | undefined> => {
    const request = { ...evaluateRequest(digest, split('test')), spec: { standard: true } };
    const { result } = await last(attacker.evaluate(blend ? { ...request, network: { digest, blend } } : request));
    return result?.standard?.meanLoss;
  };

  before(async () => {
    workers = await Workers.create(createCore());
    const folder = join(workers.folder, 'data');
    await mkdir(folder);
    await writeNpySet(folder, { train: 32, test: 16 });
    const started = await workers.attacker();
    attacker = started.client;
    parts = started.service.app.get<WorkerParts>(WORKER_PARTS, { strict: false });
    ({ client: trainer, conversion } = await workers.trainer({ RIFT_IMPORT_ROOT: folder }));
    const { dataset } = await unary(conversion.importDataset.bind(conversion), {
      name: 'dark-and-light',
      path: folder,
      format: 'DATASET_FORMAT_NPY',
      heldOut: 8,
      seed: 1,
    });
    splits = dataset?.splits ?? {};
    const { result } = await last(trainer.trainAdversarially(trainRequest(split('train'))));
    network = result?.digest ?? '';
  });
  after(() => workers[Symbol.asyncDispose]());

  it('import a data set with its held-out split', () => {
    assert.deepEqual(Object.fromEntries(Object.entries(splits).map(([name, { count }]) => [name, count])), { test: 16, train: 24, val: 8 });
    assert.deepEqual(splits['val']?.classCounts, [4, 4]);
  });

  it('train a network that can be inspected', async () => {
    const { network: info } = await unary(conversion.inspectNetwork.bind(conversion), { digest: network });
    assert.equal(info?.arch, 'resnet18');
    assert.equal(info.width, 4);
    assert.equal(info.classes, 2);
    assert.ok(info.modules.some(({ name, kind }) => name === 'layer2.1.conv2' && kind === 'conv2d'));
  });

  it('evaluate it clean, attacked and corrupted, with the outcome of every image', async () => {
    const request = evaluateRequest(network, split('test'));
    request.spec = { ...request.spec, corruptions: ['gaussian_noise'], severities: [1, 5], gallery: 1 };
    const { result } = await last(attacker.evaluate(request));
    const standard = result?.standard;
    assert.equal(standard?.total, 16);
    assert.equal(standard.perImage.length, 16);
    assert.equal(standard.correct, standard.perImage.filter((right) => right === 1).length);
    assert.equal(result?.attacks[0]?.attack?.kind, 'ATTACK_KIND_PGD');
    assert.ok((result.attacks[0].audit?.maxPerturbation ?? 1) <= 8 / 255 + 1e-6);
    assert.deepEqual(
      result.corruptions.map(({ name, severities }) => [name, severities.map(({ severity }) => severity)]),
      [['gaussian_noise', [1, 5]]],
    );
  });

  it('craft an adversarial set within the ball and measure criticality on it', async () => {
    const request = craftRequest(network, split('train'));
    request.data = { splitDigest: split('train'), limit: 8 };
    const crafted = await last(attacker.craftAdversarialSet(request));
    adversarialSet = crafted.result?.digest ?? '';
    assert.equal(crafted.result?.outcome?.outcome?.total, 8);
    const modules = ['layer1.0.conv1', 'linear'];
    const measured = await last(
      trainer.measureCriticality({ network: { digest: network }, adversarialSet, spec: { ...CRITICALITY, modules }, compute: CPU }),
    );
    assert.deepEqual(measured.result?.modules.map(({ name }) => name).sort(), modules);
    for (const { perturbationRatio } of measured.result.modules) assert.ok(perturbationRatio <= 0.1 + 1e-4);
  });

  it('fine-tune one module and leave the others as they are', async () => {
    const { result } = await last(trainer.fineTune(fineTuneRequest(network, split('train'))));
    assert.equal(result?.epochs.length, 1);
    assert.deepEqual(Object.keys(result.relativeChange), ['linear']);
    assert.notEqual(result.digest, network);
  });

  it('interpolate: alpha 0 is the original network again', async () => {
    const { result: tuned } = await last(trainer.fineTune(fineTuneRequest(network, split('train'))));
    const { result } = await last(trainer.interpolate({ fromDigest: network, toDigest: tuned?.digest ?? '', alphas: [0, 1] }));
    assert.equal(result?.digests.length, 2);
    assert.equal(await standardLoss(result.digests[0] ?? ''), await standardLoss(network));
  });

  it('measure between two networks what the network there would give, alpha being the share of the second', async () => {
    const request = trainRequest(split('train'));
    request.spec = { ...request.spec, epochs: 2 };
    const toDigest = (await last(trainer.trainAdversarially(request))).result?.digest ?? '';
    const { result } = await last(trainer.interpolate({ fromDigest: network, toDigest, alphas: [0.25, 0.75] }));
    const [quarter = '', most = ''] = result?.digests ?? [];
    const loss = await standardLoss(quarter);
    assert.equal(await standardLoss(network, { toDigest, alpha: 0.25 }), loss);
    assert.notEqual(await standardLoss(most), loss);
  });

  it('corrupt a split into one that can be evaluated', async () => {
    const { result } = await last(
      attacker.corrupt({ data: { splitDigest: split('test') }, spec: { corruption: 'fog', severity: 3, seed: 1 } }),
    );
    assert.ok((result?.rootMeanSquareChange ?? 0) > 0);
    const evaluated = await last(attacker.evaluate({ ...evaluateRequest(network, result?.digest ?? ''), spec: { standard: true } }));
    assert.equal(evaluated.result?.standard?.total, 16);
  });

  it('export a network and import it again with the same weights', async () => {
    const { fileDigest } = await unary(conversion.exportNetwork.bind(conversion), { digest: network, format: 'EXPORT_FORMAT_PTH' });
    const { network: again } = await unary(conversion.importNetwork.bind(conversion), {
      fileDigest,
      fileName: 'again.pth',
      arch: 'resnet18',
      width: 4,
      classes: 2,
      inputSize: 32,
      preprocess: { name: 'none' },
    });
    assert.equal(await standardLoss(network), await standardLoss(again?.digest ?? ''));
  });

  it('perturb a batch online within the ball', async () => {
    const stream = attacker.perturb();
    stream.write({ settings: { network: { digest: network }, attack: PGD, seed: 1, compute: CPU } });
    const batch = { images: images(2, 32), labels: labels(0, 1), firstIndex: 0 };
    stream.write({ batch });
    stream.write({ batch });
    stream.end();
    const answers = await messages<PerturbResponse>(stream);
    assert.equal(answers.length, 2);
    assert.deepEqual(answers[0], answers[1]);
    assert.deepEqual(answers[0]?.images?.shape, [2, 3, 32, 32]);
    assert.ok((answers[0].audit?.maxPerturbation ?? 1) <= 8 / 255 + 1e-6);
  });

  it('refuse a label beyond the classes of the network in an online batch', async () => {
    const stream = attacker.perturb();
    stream.write({ settings: { network: { digest: network }, attack: PGD, seed: 1, compute: CPU } });
    stream.write({ batch: { images: images(1, 32), labels: labels(7), firstIndex: 0 } });
    assert.ok((await failure(messages(stream))) instanceof InvalidArgument);
  });

  it('name a module that the network lacks', async () => {
    const request = fineTuneRequest(network, split('train'));
    request.spec = { ...request.spec, modules: ['layer9.0.conv1'] };
    const error = await failure(messages(trainer.fineTune(request)));
    assert.ok(error instanceof NotFound);
    assert.match(error.message, /layer9\.0\.conv1 does not exist/);
  });

  it('name the field whose artifact is no network', async () => {
    const error = await failure(messages(attacker.evaluate(evaluateRequest(split('val'), split('test')))));
    assert.ok(error instanceof InvalidArgument);
    assert.equal(error.violations[0]?.field, 'network.digest');
    assert.doesNotMatch(error.message, new RegExp(workers.folder));
  });

  it('read files beside a running job', async () => {
    const request = craftRequest(network, split('train'));
    request.spec = { attack: { ...PGD, steps: 100_000, restarts: 100, toTheEnd: true }, seed: 1 };
    const stream = attacker.craftAdversarialSet(request);
    const ended = failure(messages(stream));
    await deviceTaken();
    const { network: info } = await unary(conversion.inspectNetwork.bind(conversion), { digest: network });
    assert.equal(info?.digest, network);
    stream.cancel();
    assert.ok((await ended) instanceof Cancelled);
    await workers.idle();
  });

  it('stop a running computation within two seconds of its call, and take the next job', async () => {
    const request = craftRequest(network, split('train'));
    request.spec = { attack: { ...PGD, steps: 100_000, restarts: 100, toTheEnd: true }, seed: 1 };
    const stream = attacker.craftAdversarialSet(request);
    const ended = failure(messages(stream));
    await deviceTaken();
    const since = performance.now();
    stream.cancel();
    assert.ok((await ended) instanceof Cancelled);
    await workers.idle();
    assert.ok(performance.now() - since < 2000);
    await standardLoss(network);
  });
});
