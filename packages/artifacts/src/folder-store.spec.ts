import { FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted } from '@rift/service-kit/client';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { fileError } from './files.js';
import { FolderStore } from './folder-store.js';
import { openArtifactStore } from './open-store.js';
import { objectPath } from './store.js';
import { collect, digestOf, inPieces, scratchFolder, storeRules } from './testing/store-rules.js';

describe('the folder store', () => {
  storeRules(
    (t) => FolderStore.open(scratchFolder(t)),
    async (store, digest, bytes) => {
      const path = join((store as FolderStore).root, objectPath(digest));
      chmodSync(path, 0o644);
      writeFileSync(path, bytes);
      utimesSync(path, new Date(), new Date(Date.now() + 5000));
    },
  );

  it('leaves nothing in its incoming folder, whether a put ends well or badly', async (t) => {
    const store = await FolderStore.open(scratchFolder(t));
    await store.putBytes(Buffer.from('a'));
    await store.putBytes(Buffer.from('a'));
    await assert.rejects(store.putStream(inPieces(randomBytes(1000), 10, 5)));
    await assert.rejects(store.putBytes(Buffer.from('b'), { size: 2 }));
    assert.deepEqual(readdirSync(join(store.root, 'incoming')), []);
  });

  it('reads a file that another process stored only after verifying it', async (t) => {
    const root = scratchFolder(t);
    const writer = await FolderStore.open(root);
    const { digest } = await writer.putBytes(Buffer.from('weights'));
    const path = join(root, objectPath(digest));
    chmodSync(path, 0o644);
    writeFileSync(path, 'WEIGHTS');
    await assert.rejects((await FolderStore.open(root)).open(digest), FailedPrecondition);
  });

  it('mends a damaged artifact when the right bytes are put again', async (t) => {
    const store = await FolderStore.open(scratchFolder(t));
    const { digest } = await store.putBytes(Buffer.from('weights'));
    const path = join(store.root, objectPath(digest));
    chmodSync(path, 0o644);
    writeFileSync(path, 'cut');
    assert.deepEqual(await store.putBytes(Buffer.from('weights')), { digest, size: 7, existed: false });
    assert.equal(readFileSync(await store.open(digest), 'utf8'), 'weights');
  });

  it('keeps its files read-only', async (t) => {
    const store = await FolderStore.open(scratchFolder(t));
    const { digest } = await store.putBytes(Buffer.from('weights'));
    assert.equal(statSync(await store.open(digest)).mode & 0o777, 0o444);
  });

  it('shows nothing of an artifact whose writer was killed half-way', async (t) => {
    const root = scratchFolder(t);
    const module = new URL('./folder-store.js', import.meta.url).href;
    const program = `
      const { FolderStore } = await import(${JSON.stringify(module)});
      const store = await FolderStore.open(${JSON.stringify(root)});
      async function* half() { yield Buffer.alloc(1 << 20); process.kill(process.pid, 'SIGKILL'); yield Buffer.alloc(1); }
      await store.putStream(half());`;
    await assert.rejects(promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]), { signal: 'SIGKILL' });
    const store = await FolderStore.open(root);
    assert.deepEqual(await collect(store.list()), []);
    const [left] = readdirSync(join(root, 'incoming'));
    assert.ok(left, 'the killed writer should have left its file');
    const dayBefore = new Date(Date.now() - 25 * 3600 * 1000);
    utimesSync(join(root, 'incoming', left), dayBefore, dayBefore);
    await FolderStore.open(root);
    assert.deepEqual(readdirSync(join(root, 'incoming')), []);
  });

  it('says that the disk is full, and leaves nothing of what did not fit', async (t) => {
    const store = await FolderStore.open(scratchFolder(t));
    const full = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(1000);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    await assert.rejects(
      store.putStream(full()),
      (error) => error instanceof ResourceExhausted && /disk space.*delete runs or artifacts/.test(error.message),
    );
    assert.deepEqual(readdirSync(join(store.root, 'incoming')), []);
  });

  it('names the file that cannot be read', async (t) => {
    const folder = scratchFolder(t);
    const store = await FolderStore.open(folder);
    await assert.rejects(store.putFile('/nowhere/net.pth'), (error) => error instanceof NotFound && error.id === '/nowhere/net.pth');
    await assert.rejects(store.putFile(folder), InvalidArgument);
    assert.ok(fileError(Object.assign(new Error(), { code: 'EROFS' }), '/data') instanceof FailedPrecondition);
  });
});

describe('the URL of a store', () => {
  it('with file: names a folder, with spaces and all', async (t) => {
    const folder = join(scratchFolder(t), 'my store');
    const store = await openArtifactStore(`file://${folder.replaceAll(' ', '%20')}`);
    const { digest } = await store.putBytes(Buffer.from('x'));
    assert.equal(digest, digestOf(Buffer.from('x')));
    assert.equal(readFileSync(join(folder, objectPath(digest)), 'utf8'), 'x');
    await store.check();
  });

  for (const [url, rule] of [
    ['/data/artifacts', /must be file:\/\/\/absolute\/folder or s3:/],
    ['file://data/artifacts', /three slashes/],
    ['gs://bucket/x', /must be file:/],
    ['s3://bucket/x?enpoint=http://a', /enpoint is no option; there are endpoint/],
    ['s3://bucket/x?endpoint=minio:9000', /endpoint must be http/],
    ['s3://key:secret@bucket/x', /no credentials/],
    ['s3:///x', /must name a bucket/],
  ] as const) {
    it(`is refused when it is ${url}`, async (t) => {
      await assert.rejects(
        openArtifactStore(url, { cacheFolder: scratchFolder(t) }),
        (error) => error instanceof InvalidArgument && rule.test(error.message),
      );
    });
  }

  it('with s3: needs a folder for what is in use', async () => {
    await assert.rejects(openArtifactStore('s3://bucket/x'), /cache folder is empty: an absolute path is needed/);
  });
});
