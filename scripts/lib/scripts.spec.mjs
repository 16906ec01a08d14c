import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { takeCargoLine } from './cargo-stage.mjs';
import { Stamps, fingerprint } from './fingerprint.mjs';
import { fetchFrost, frostFolder, frostLink, hasFrost } from './frost.mjs';
import { cyclesIn, importsOf } from './import-cycles.mjs';
import { libtorchFolder, mustFetch } from './libtorch.mjs';
import { takeEvent } from './node-stage.mjs';
import { SetupError, run } from './run.mjs';
import { Tally } from './tally.mjs';
import { checkNode, checkTools, systemFamily } from './toolchain.mjs';

function scratch(t) {
  const folder = mkdtempSync(join(tmpdir(), 'rift-scripts-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('fingerprint', () => {
  it('changes with a content and with a name, and not with what lies in build folders', (t) => {
    const root = scratch(t);
    mkdirSync(join(root, 'src', 'dist'), { recursive: true });
    writeFileSync(join(root, 'src', 'a.ts'), '1');
    const first = fingerprint(root, ['src']);
    writeFileSync(join(root, 'src', 'dist', 'a.js'), 'built');
    assert.equal(fingerprint(root, ['src']), first);
    writeFileSync(join(root, 'src', 'a.ts'), '2');
    const second = fingerprint(root, ['src']);
    assert.notEqual(second, first);
    writeFileSync(join(root, 'src', 'b.ts'), '2');
    rmSync(join(root, 'src', 'a.ts'));
    assert.notEqual(fingerprint(root, ['src']), second);
  });

  it('is remembered by the stamps of the next start, and a broken stamp file means stale', (t) => {
    const file = join(scratch(t), 'deep', 'setup.json');
    new Stamps(file).set('addon', 'abc');
    assert.equal(new Stamps(file).isFresh('addon', 'abc'), true);
    assert.equal(new Stamps(file).isFresh('addon', 'abd'), false);
    writeFileSync(file, '{"addon": "ab');
    assert.equal(new Stamps(file).isFresh('addon', 'abc'), false);
  });
});

describe('frost', () => {
  it('is taken from the cache without a download, and the checkout is pointed to it', async (t) => {
    const folder = scratch(t);
    const env = { RIFT_CACHE: join(folder, 'cache'), PATH: '/nowhere' };
    const root = join(folder, 'checkout');
    mkdirSync(join(root, 'native', 'rift-core'), { recursive: true });
    await assert.rejects(fetchFrost(root, env), SetupError);
    assert.equal(hasFrost(frostLink(root)), false);
    mkdirSync(frostFolder(env), { recursive: true });
    for (const picture of ['frost1.png', 'frost2.png', 'frost3.png', 'frost4.jpg']) writeFileSync(join(frostFolder(env), picture), 'x');
    assert.equal(hasFrost(frostFolder(env)), false);
    writeFileSync(join(frostFolder(env), 'frost5.jpg'), 'x');
    for (const again of [1, 2]) {
      await fetchFrost(root, env);
      assert.equal(hasFrost(frostLink(root)), true, `time ${again}`);
    }
  });
});

describe('toolchain', () => {
  it('knows the families of distributions by ID and ID_LIKE', () => {
    assert.equal(
      systemFamily('linux', () => 'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n'),
      'debian',
    );
    assert.equal(
      systemFamily('linux', () => 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'),
      'fedora',
    );
    assert.equal(
      systemFamily('linux', () => 'ID=arch\n'),
      'other',
    );
    assert.equal(systemFamily('darwin'), 'macos');
  });

  it('names everything that is missing in one message', () => {
    const nothing = { PATH: '/nowhere' };
    assert.throws(
      () => checkTools(nothing, { python: true, native: true }),
      (error) => error instanceof SetupError && /Rust[\s\S]*C\+\+ compiler[\s\S]*Python/.test(error.message),
    );
    assert.doesNotThrow(() => checkTools(nothing, { python: false, native: false }));
  });

  it('refuses a Node that is too old', () => {
    assert.throws(() => checkNode('18.19.0'), /Node 18\.19\.0 is too old/);
    assert.doesNotThrow(() => checkNode('20.10.0'));
    assert.doesNotThrow(() => checkNode('24.0.0'));
  });
});

describe('libtorch', () => {
  it('is looked for in LIBTORCH, then in RIFT_CACHE', () => {
    assert.equal(libtorchFolder({ LIBTORCH: '/opt/torch', RIFT_CACHE: '/c' }), '/opt/torch');
    assert.equal(libtorchFolder({ RIFT_CACHE: '/c' }), '/c/libtorch-2.13.0-cpu');
  });

  it('of another version is refused with both versions named', (t) => {
    const folder = scratch(t);
    mkdirSync(join(folder, 'lib'));
    mkdirSync(join(folder, 'include', 'torch', 'headeronly'), { recursive: true });
    writeFileSync(join(folder, 'lib', 'libtorch_cpu.so'), '');
    writeFileSync(join(folder, 'include', 'torch', 'headeronly', 'version.h'), '#define TORCH_VERSION \\\n  "2.12.1"\n');
    assert.throws(() => mustFetch({ LIBTORCH: folder }), /libtorch 2\.12\.1.*libtorch 2\.13\.0 is needed/s);
  });
});

describe('run', () => {
  it('fails with the command, its exit code and its last lines', async () => {
    await assert.rejects(run(process.execPath, ['-e', 'console.error("disk on fire"); process.exit(3)']), /exit code 3[\s\S]*disk on fire/);
    await assert.rejects(run('/nowhere/tool', []), /cannot be started/);
  });
});

describe('counting', () => {
  it('takes passed tests from the result line of every cargo suite and names failed ones', () => {
    const tally = new Tally();
    const lines = [
      'running 3 tests',
      'test rng::tests::is_repeatable ... ok',
      'test zoo::tests::names ... FAILED',
      'test zoo::tests::slow ... ignored',
      'test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s',
      'test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 2.00s',
    ];
    for (const line of lines) takeCargoLine(tally, line);
    assert.equal(String(tally), '41 passed, 1 failed, 1 skipped');
    assert.deepEqual(tally.failures, ['zoo::tests::names']);
  });

  it('counts tests, not suites, and a file without any test as a failure', () => {
    const tally = new Tally();
    takeEvent(tally, 'test:pass', { name: 'a rule', details: { type: 'test' } }, ['/x.spec.js']);
    takeEvent(tally, 'test:pass', { name: 'a suite', details: { type: 'suite' } }, ['/x.spec.js']);
    takeEvent(tally, 'test:pass', { name: '/x.spec.js', details: { type: 'test' } }, ['/x.spec.js']);
    takeEvent(tally, 'test:fail', { name: 'another', file: '/x.spec.js', details: { type: 'test' } }, ['/x.spec.js']);
    assert.equal(String(tally), '1 passed, 2 failed');
  });
});

describe('import cycles', () => {
  it('are found whatever their length, and types alone make none', () => {
    const source = `import { a } from './a.js'; import type { b } from './b.js'; import { type c } from './c.js'; export * from '../d.js'; import './e.js'; import ts from 'typescript';`;
    assert.deepEqual(importsOf(source, 'src/x.ts'), ['src/a.ts', 'd.ts', 'src/e.ts']);
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', []],
      ['e', ['e']],
    ]);
    assert.deepEqual(cyclesIn(graph), [
      ['a', 'b', 'c', 'a'],
      ['e', 'e'],
    ]);
    graph.set('c', ['d']).set('e', []);
    assert.deepEqual(cyclesIn(graph), []);
  });
});
