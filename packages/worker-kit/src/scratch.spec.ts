import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';

import { ScratchRoot } from './scratch.js';

const roots: string[] = [];
async function setUp() {
  const root = await mkdtemp(join(tmpdir(), 'rift-scratch-'));
  roots.push(root);
  return { root, sut: new ScratchRoot(root) };
}
after(() => Promise.all(roots.map((root) => rm(root, { recursive: true, force: true }))));

describe('ScratchRoot', () => {
  it('gives the same key the same checkpoint and every attempt its own paths', async () => {
    const { sut } = await setUp();
    const [first, second] = [await sut.open('key'), await sut.open('key')];
    assert.equal(first.checkpoint, second.checkpoint);
    assert.equal(new Set([first.path(), first.path(), second.path()]).size, 3);
  });

  it('gives work without a key a folder of its own and no checkpoint', async () => {
    const { sut } = await setUp();
    const [first, second] = [await sut.open(''), await sut.open('')];
    assert.notEqual(first.folder, second.folder);
    assert.equal(first.checkpoint, null);
  });

  it('stays inside its root whatever the key says', async () => {
    const { root, sut } = await setUp();
    const scratch = await sut.open('../../etc');
    assert.equal(dirname(scratch.folder), root);
    assert.ok(existsSync(scratch.folder));
  });

  it('prunes what nothing has touched for the given time and keeps a folder with a fresh checkpoint', async () => {
    const { root, sut } = await setUp();
    const old = new Date(Date.now() - 10_000);
    const [stale, live] = [await sut.open('stale'), await sut.open('live')];
    await writeFile(live.checkpoint ?? '', 'fresh');
    await utimes(stale.folder, old, old);
    await utimes(live.folder, old, old);
    await writeFile(join(root, 'not-ours'), '');
    assert.equal(await sut.prune(5000), 1);
    assert.deepEqual((await readdir(root)).sort(), [live.folder.slice(root.length + 1), 'not-ours'].sort());
  });
});
