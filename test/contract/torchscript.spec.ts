// A network that is a TorchScript program, through the workers with the engine that was built: refused until the service allows
// programs, then measured, fine-tuned and written back like any other.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import type { AttackerServiceClient, ConversionServiceClient, SplitInfo, TrainerServiceClient } from '@rift/contracts';
import { createCore } from '@rift/core';
import { FailedPrecondition } from '@rift/service-kit';

import { failure, last, unary } from '../support/calls.js';
import { writeNpySet } from '../support/npy.js';
import { CPU, CRITICALITY, PGD, craftRequest, evaluateRequest, fineTuneRequest } from '../support/requests.js';
import { Workers } from '../support/workers.js';

const PROGRAM = new URL('../../golden/torchscript/small.pt', import.meta.url);
const DECLARED = { fileName: 'small.pt', arch: 'torchscript', classes: 6, inputSize: 32, preprocess: { name: 'none' } };

// First, while this process has not yet been told to run programs.
describe('TorchScript networks', () => {
  it('are refused by a service that was not told to run programs', async () => {
    const careful = await Workers.create(createCore());
    try {
      const { digest } = await careful.store.putBytes(await readFile(PROGRAM));
      const { conversion: refusing } = await careful.trainer();
      const error = await failure(unary(refusing.importNetwork.bind(refusing), { fileDigest: digest, ...DECLARED }));
      assert.ok(error instanceof FailedPrecondition);
      assert.match(error.message, /RIFT_ALLOW_TORCHSCRIPT=true/);
    } finally {
      await careful[Symbol.asyncDispose]();
    }
  });
});

describe('TorchScript networks where they are allowed', () => {
  let workers: Workers;
  let attacker: AttackerServiceClient;
  let trainer: TrainerServiceClient;
  let conversion: ConversionServiceClient;
  let splits: Record<string, SplitInfo>;
  let fileDigest: string;
  let network: string;

  const split = (name: string): string => splits[name]?.digest ?? assert.fail(`no split ${name}`);

  before(async () => {
    workers = await Workers.create(createCore(undefined, { allowTorchscript: true }));
    const folder = join(workers.folder, 'data');
    await mkdir(folder);
    await writeNpySet(folder, { train: 24, test: 12 }, { classes: 6 });
    ({ client: attacker } = await workers.attacker());
    ({ client: trainer, conversion } = await workers.trainer({ RIFT_IMPORT_ROOT: folder }));
    const data = { name: 'six', path: folder, format: 'DATASET_FORMAT_NPY', heldOut: 6, seed: 1 } as const;
    splits = (await unary(conversion.importDataset.bind(conversion), data)).dataset?.splits ?? {};
    ({ digest: fileDigest } = await workers.store.putBytes(await readFile(PROGRAM)));
  });
  after(() => workers[Symbol.asyncDispose]());

  it('are imported with their parameters as modules', async () => {
    const { network: info } = await unary(conversion.importNetwork.bind(conversion), { fileDigest, ...DECLARED });
    assert.equal(info?.arch, 'torchscript');
    assert.deepEqual(info.modules.map(({ name, kind }) => `${name} ${kind}`).sort(), [
      'body conv2d',
      'head linear',
      'mixer linear',
      'stem conv2d',
    ]);
    assert.match(info.notes.join(' '), /program/);
    network = info.digest;
  });

  it('are attacked and measured', async () => {
    const { result } = await last(
      attacker.evaluate({ ...evaluateRequest(network, split('test')), spec: { standard: true, attacks: [PGD] } }),
    );
    assert.equal(result?.standard?.total, 12);
    assert.ok((result.attacks[0]?.outcome?.correct ?? 99) <= result.standard.correct);
    const { result: crafted } = await last(attacker.craftAdversarialSet(craftRequest(network, split('test'))));
    const measured = await last(
      trainer.measureCriticality({ network: { digest: network }, adversarialSet: crafted?.digest ?? '', spec: CRITICALITY, compute: CPU }),
    );
    assert.deepEqual(measured.result?.modules.map(({ name }) => name).sort(), ['body', 'head', 'mixer', 'stem']);
  });

  it('are fine-tuned in one module, interpolated and exported as a program', async () => {
    const request = fineTuneRequest(network, split('train'));
    request.spec = { ...request.spec, modules: ['mixer'] };
    const { result: tuned } = await last(trainer.fineTune(request));
    assert.deepEqual(Object.keys(tuned?.relativeChange ?? {}), ['mixer']);
    const { result } = await last(trainer.interpolate({ fromDigest: network, toDigest: tuned?.digest ?? '', alphas: [0, 0.5] }));
    const digest = result?.digests[1] ?? '';
    const exported = await unary(conversion.exportNetwork.bind(conversion), { digest, format: 'EXPORT_FORMAT_TORCHSCRIPT' });
    const { network: again } = await unary(conversion.importNetwork.bind(conversion), { ...DECLARED, fileDigest: exported.fileDigest });
    const standardOf = async (one: string) => {
      const evaluated = await last(attacker.evaluate({ ...evaluateRequest(one, split('test')), spec: { standard: true } }));
      return evaluated.result?.standard;
    };
    const before = await standardOf(digest);
    const after = await standardOf(again?.digest ?? '');
    assert.deepEqual(before, after);
  });
});
