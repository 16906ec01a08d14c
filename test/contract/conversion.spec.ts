// Foreign files in, artifacts out, and back.
import assert from 'node:assert/strict';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import type { ConversionServiceClient, TrainerServiceClient } from '@rift/contracts';
import { FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted } from '@rift/service-kit';

import { failure, last, unary } from '../support/calls.js';
import { trainRequest } from '../support/requests.js';
import { Workers } from '../support/workers.js';

describe('ConversionService', () => {
  let workers: Workers;
  let conversion: ConversionServiceClient;
  let trainer: TrainerServiceClient;
  let file: string;
  let root: string;

  before(async () => {
    workers = await Workers.create();
    root = join(workers.folder, 'data');
    await mkdir(join(root, 'set'), { recursive: true });
    ({ conversion, client: trainer } = await workers.trainer({ RIFT_IMPORT_ROOT: root, RIFT_CONVERSIONS: '1' }));
    file = await workers.artifact('file');
  });
  after(() => workers[Symbol.asyncDispose]());

  const request = () => ({
    fileDigest: file,
    fileName: 'model.pth',
    arch: 'resnet18',
    classes: 10,
    inputSize: 32,
    preprocess: { name: 'cifar10' },
  });
  const importDataset = (path: string) =>
    unary(conversion.importDataset.bind(conversion), { name: 'set', path, format: 'DATASET_FORMAT_NPY', heldOut: 1 });

  it('ImportNetwork hands the file and what was declared of it to the engine and answers with the network and its digest', async () => {
    const { network } = await unary(conversion.importNetwork.bind(conversion), request());
    const { output, ...rest } = workers.addon.jobs.at(-1)?.request ?? {};
    assert.equal(typeof output, 'string');
    assert.deepEqual(rest, {
      path: await workers.store.open(file),
      fileName: 'model.pth',
      arch: 'resnet18',
      width: 0,
      classes: 10,
      inputSize: 32,
      preprocess: { name: 'cifar10', mean: [], standardDeviation: [] },
      classNames: [],
    });
    assert.equal(network?.arch, 'resnet18');
    assert.ok(await workers.store.stat(network.digest));
  });

  it('InspectNetwork answers with the digest that was asked for', async () => {
    const { network } = await unary(conversion.inspectNetwork.bind(conversion), { digest: file });
    assert.equal(network?.digest, file);
  });

  it('ExportNetwork and ImportAdversarialSet answer with the digest of what was written', async () => {
    const { fileDigest } = await unary(conversion.exportNetwork.bind(conversion), { digest: file, format: 'EXPORT_FORMAT_PTH' });
    const set = await unary(conversion.importAdversarialSet.bind(conversion), { fileDigest: file, fileName: 'set.npz' });
    assert.equal(set.count, 2);
    for (const digest of [fileDigest, set.digest]) assert.ok(await workers.store.stat(digest));
  });

  it('ImportDataset stores each split and an artifact that lists them, which is the same for the same data', async () => {
    const [first, second] = [await importDataset(join(root, 'set')), await importDataset(join(root, 'set'))];
    assert.deepEqual(first, second);
    const { dataset } = first;
    const listing = JSON.parse(await readFile(await workers.store.open(dataset?.digest ?? ''), 'utf8')) as Record<string, unknown>;
    assert.deepEqual(listing, {
      kind: 'dataset',
      name: 'set',
      classes: ['cat', 'dog'],
      imageSize: 32,
      notes: [],
      splits: dataset?.splits,
    });
    assert.deepEqual(Object.keys(dataset?.splits ?? {}), ['test', 'train']);
    for (const { digest } of Object.values(dataset?.splits ?? {})) assert.ok(await workers.store.stat(digest));
  });

  it('ImportDataset refuses a symbolic link that leads out of the import root', async () => {
    await symlink('/etc', join(root, 'escape'));
    const error = await failure(importDataset(join(root, 'escape')));
    assert.ok(error instanceof InvalidArgument);
    assert.match(error.message, /path is .*escape: must be inside .*data, from where this service may import/);
  });

  it('ImportDataset says that a folder of the import root does not exist', async () => {
    assert.ok((await failure(importDataset(join(root, 'absent')))) instanceof NotFound);
  });

  it('ImportDataset is refused where no import root is set', async () => {
    const { conversion: closed } = await workers.trainer();
    const error = await failure(unary(closed.importDataset.bind(closed), { name: 'set', path: root, format: 'DATASET_FORMAT_NPY' }));
    assert.ok(error instanceof FailedPrecondition);
    assert.match(error.message, /set RIFT_IMPORT_ROOT/);
  });

  it('goes on beside a running job, and refuses more conversions than it may do at once', async () => {
    workers.addon.held.add('train').add('inspectNetwork');
    const trainingSubmitted = workers.addon.nextJob();
    const training = last(trainer.trainAdversarially(trainRequest(file)));
    const job = await trainingSubmitted;
    await unary(conversion.importNetwork.bind(conversion), request());
    const inspectionSubmitted = workers.addon.nextJob();
    const inspection = unary(conversion.inspectNetwork.bind(conversion), { digest: file });
    const held = await inspectionSubmitted;
    const refused = await failure(unary(conversion.importNetwork.bind(conversion), request()));
    assert.ok(refused instanceof ResourceExhausted);
    held.finish();
    job.finish();
    await Promise.all([inspection, training]);
  });
});
