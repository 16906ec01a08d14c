import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CatalogServiceConstructor } from '@rift/contracts';
import { AlreadyExists, FailedPrecondition, InvalidArgument, NotFound } from '@rift/service-kit';
import { Harness } from '../testing/harness.js';

const catalog = CatalogServiceConstructor.service;

describe('the catalog', () => {
  let harness: Harness;
  const file = { fileName: 'a.pth', arch: 'resnet18', width: 16, classes: 2, inputSize: 32, preprocess: null, classNames: [] };

  before(async () => {
    harness = await Harness.start(1);
  });
  after(() => harness.close());

  const importNetwork = (name: string, content: string) =>
    harness.peer.unary(catalog.ImportNetwork, { name, import: { ...file, fileDigest: content.repeat(64) } });

  it('registers a network under a name, for the same network as often as asked', async () => {
    const { entry } = await importNetwork('mine', 'a');
    const { entry: again } = await importNetwork('mine', 'a');
    assert.equal(entry?.name, 'mine');
    assert.deepEqual(again, entry);
    await assert.rejects(importNetwork('mine', 'b'), AlreadyExists);
  });

  it('takes a network artifact as it is, and refuses what contradicts its manifest', async () => {
    const header = Buffer.from(JSON.stringify({ __metadata__: { 'rift.manifest': JSON.stringify({ kind: 'network' }) } }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const { digest } = await harness.store.putBytes(Buffer.concat([length, header]));
    const imported = (more: object) =>
      harness.peer.unary(catalog.ImportNetwork, { name: 'own', import: { fileName: 'a.safetensors', fileDigest: digest, ...more } });
    await assert.rejects(
      imported({ arch: 'resnet34', width: 99 }),
      (error: unknown) =>
        error instanceof InvalidArgument && error.violations.map(({ field }) => field).join() === 'import.arch,import.width',
    );
    const { entry } = await imported({});
    assert.deepEqual([entry?.name, entry?.network?.digest, entry?.network?.arch], ['own', digest, 'resnet18']);
    await harness.peer.unary(catalog.DeleteNetwork, { name: 'own' });
  });

  it('finds a network by name and by digest', async () => {
    const { entry } = await harness.peer.unary(catalog.GetNetwork, { network: 'mine' });
    const { entry: byDigest } = await harness.peer.unary(catalog.GetNetwork, { network: entry?.network?.digest ?? '' });
    assert.deepEqual(byDigest, entry);
    const { entry: unnamed } = await harness.peer.unary(catalog.GetNetwork, { network: 'f'.repeat(64) });
    assert.equal(unnamed?.name, '');
    await assert.rejects(harness.peer.unary(catalog.GetNetwork, { network: 'yours' }), NotFound);
  });

  it('refuses names that are digests or need quoting', async () => {
    await assert.rejects(importNetwork('c'.repeat(64), 'a'), InvalidArgument);
    await assert.rejects(importNetwork('my network', 'a'), InvalidArgument);
  });

  it('lists newest first, in pages', async () => {
    for (const [index, name] of ['n1', 'n2', 'n3'].entries()) await importNetwork(name, String(index));
    const first = await harness.peer.unary(catalog.ListNetworks, { pageSize: 2 });
    const second = await harness.peer.unary(catalog.ListNetworks, { pageSize: 2, pageToken: first.nextPageToken });
    assert.deepEqual(
      [...first.entries, ...second.entries].map((entry) => entry.name),
      ['n3', 'n2', 'n1', 'mine'],
    );
    assert.equal(second.nextPageToken, '');
    await assert.rejects(harness.peer.unary(catalog.ListNetworks, { pageToken: 'guess' }), InvalidArgument);
    await assert.rejects(harness.peer.unary(catalog.ListNetworks, { pageSize: 501 }), InvalidArgument);
  });

  it('forgets a name and not the network', async () => {
    const { entry } = await harness.peer.unary(catalog.GetNetwork, { network: 'n3' });
    await harness.peer.unary(catalog.DeleteNetwork, { name: 'n3' });
    await assert.rejects(harness.peer.unary(catalog.GetNetwork, { network: 'n3' }), NotFound);
    await assert.rejects(harness.peer.unary(catalog.DeleteNetwork, { name: 'n3' }), NotFound);
    await harness.peer.unary(catalog.GetNetwork, { network: entry?.network?.digest ?? '' });
  });

  it('registers data sets with their splits', async () => {
    const { entry } = await harness.peer.unary(catalog.GetDataset, { dataset: 'toy' });
    assert.equal(entry?.dataset?.splits['val']?.count, 400);
    const { entries } = await harness.peer.unary(catalog.ListDatasets, {});
    assert.deepEqual(
      entries.map((one) => one.name),
      ['toy'],
    );
    const { digest } = await harness.store.putBytes(Buffer.from('{"kind":"other"}'));
    await assert.rejects(harness.peer.unary(catalog.GetDataset, { dataset: digest }), FailedPrecondition);
  });

  it('reads a data set that is named by digest from its artifact', async () => {
    const split = { digest: 'e'.repeat(64), count: 5 };
    const manifest = { kind: 'dataset', name: 'raw', classes: ['a'], splits: { test: split } };
    const { digest } = await harness.store.putBytes(Buffer.from(JSON.stringify(manifest)));
    const { entry } = await harness.peer.unary(catalog.GetDataset, { dataset: digest });
    assert.equal(entry?.dataset?.splits['test']?.count, 5);
  });

  it('passes files to and from the trainers', async () => {
    const { fileDigest } = await harness.peer.unary(catalog.ExportNetwork, { network: 'mine', format: 'EXPORT_FORMAT_PTH' });
    assert.ok((await harness.store.stat(fileDigest)) !== undefined);
    const set = await harness.peer.unary(catalog.ImportAdversarialSet, { fileDigest: 'a'.repeat(64), fileName: 'set.npz' });
    assert.equal(set.count, 12);
  });
});
