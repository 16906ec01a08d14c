import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { FailedPrecondition, InvalidArgument, NotFound } from '@rift/service-kit';

import { ImportRoot } from './import-root.js';

describe('ImportRoot', () => {
  let base: string;
  let root: string;

  before(async () => {
    base = await realpath(await mkdtemp(join(tmpdir(), 'rift-root-')));
    root = join(base, 'data');
    await mkdir(join(root, 'cifar'), { recursive: true });
    await mkdir(join(base, 'data-of-others'));
    await writeFile(join(root, 'file'), '');
    await symlink(join(base, 'data-of-others'), join(root, 'out'));
    await symlink(join(root, 'cifar'), join(root, 'in'));
    await symlink(root, join(base, 'alias'));
  });
  after(() => rm(base, { recursive: true, force: true }));

  const inside = (path: string, from: string | undefined = root) => new ImportRoot(from).inside(path);

  it('returns the real path of a folder inside, through links that stay inside', async () => {
    assert.equal(await inside(root), root);
    assert.equal(await inside(join(root, 'cifar', '.')), join(root, 'cifar'));
    assert.equal(await inside(join(root, 'in')), join(root, 'cifar'));
  });

  it('may itself be a link, or the whole file system', async () => {
    assert.equal(await inside(join(base, 'alias', 'cifar'), join(base, 'alias')), join(root, 'cifar'));
    assert.equal(await inside(join(root, 'cifar'), '/'), join(root, 'cifar'));
  });

  const outside: Record<string, () => string> = {
    'a path elsewhere': () => '/etc',
    'a path that climbs out': () => `${root}/cifar/../../data-of-others`,
    'a neighbour whose name begins like the root': () => join(base, 'data-of-others'),
    'a link that leads out': () => join(root, 'out'),
    'the parent of the root': () => base,
  };
  for (const [what, path] of Object.entries(outside)) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(inside(path()), InvalidArgument);
    });
  }

  it('does not tell whether a path outside exists', async () => {
    const messages = await Promise.all(
      [join(base, 'absent'), base].map((path) => inside(path).catch((error: Error) => error.message.replace(path, 'PATH'))),
    );
    assert.equal(messages[0], messages[1]);
  });

  it('says that a folder inside does not exist', async () => {
    await assert.rejects(inside(join(root, 'absent')), NotFound);
    await assert.rejects(inside(join(root, 'file', 'below')), NotFound);
  });

  it('says what to set where it is not set, or does not exist', async () => {
    await assert.rejects(new ImportRoot(undefined).inside('/data'), FailedPrecondition);
    await assert.rejects(inside(join(base, 'gone', 'set'), join(base, 'gone')), FailedPrecondition);
  });
});
