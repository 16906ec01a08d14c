// Brings the CPU libraries of libtorch to native/rift-core/libtorch: from LIBTORCH, from the cache, or from the Python wheels.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { cacheFolder } from './cache.mjs';
import { SetupError, run } from './run.mjs';
import { findCompiler } from './toolchain.mjs';

const VERSION = '2.13.0';
const WHEEL_BYTES = 539_534_190;
const REQUIREMENTS = new URL('libtorch-requirements.txt', import.meta.url).pathname;
const EXTRACT = new URL('extract_wheels.py', import.meta.url).pathname;
const PLATFORMS = ['manylinux_2_28_x86_64', 'manylinux_2_25_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64'];

const librarySuffix = process.platform === 'darwin' ? 'dylib' : 'so';

/** Where libtorch is, or will be: `LIBTORCH`, else a folder of the cache shared by all checkouts. */
export function libtorchFolder(env) {
  if (env.LIBTORCH) return resolve(env.LIBTORCH);
  return join(cacheFolder(env), `libtorch-${VERSION}-cpu`);
}

function versionIn(folder) {
  const header = join(folder, 'include', 'torch', 'headeronly', 'version.h');
  return existsSync(header) ? /"(\d+\.\d+\.\d+)"/.exec(readFileSync(header, 'utf8'))?.[1] : undefined;
}

const isComplete = (folder) => existsSync(join(folder, 'lib', `libtorch_cpu.${librarySuffix}`)) && versionIn(folder) === VERSION;

/** Whether the folder still has to be filled; refuses a LIBTORCH that cannot serve. */
export function mustFetch(env) {
  const folder = libtorchFolder(env);
  if (isComplete(folder)) return false;
  if (env.LIBTORCH) {
    const found = versionIn(folder);
    throw new SetupError(
      `LIBTORCH names ${folder}, which ${found ? `holds libtorch ${found}` : `has no include/torch and lib/libtorch_cpu.${librarySuffix}`}: ` +
        `libtorch ${VERSION} is needed, no other. Point LIBTORCH to one, or unset it to have it fetched.`,
    );
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `libtorch is fetched for Linux on x86-64 only, this is ${process.platform} on ${process.arch}. ` +
        `Set LIBTORCH to a folder with the include/ and lib/ of libtorch ${VERSION} for this machine and run the same command again.`,
    );
  }
  return true;
}

function bytesUnder(folder) {
  let total = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    try {
      total += statSync(join(entry.parentPath ?? entry.path, entry.name)).size;
    } catch {
      // pip moves its temporary files while we look.
    }
  }
  return total;
}

/**
 * Fills the cache: everything is put together in a temporary folder beside the target and renamed at the end,
 * so that a broken download leaves nothing behind that looks like libtorch.
 */
export async function fetchLibtorch(env, view) {
  const target = libtorchFolder(env);
  const cache = resolve(target, '..');
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, '.libtorch-'));
  try {
    const wheels = join(work, 'wheels');
    const scratch = join(work, 'tmp');
    mkdirSync(wheels);
    mkdirSync(scratch);
    const watch = setInterval(() => {
      const megabytes = (bytes) => Math.round(bytes / 1e6);
      view.detail(`downloading, ${megabytes(Math.min(bytesUnder(work), WHEEL_BYTES))} of ${megabytes(WHEEL_BYTES)} MB`);
    }, 500);
    try {
      await run(
        'python3',
        [
          ...[
            '-m',
            'pip',
            'download',
            '--no-deps',
            '--no-cache-dir',
            '--require-hashes',
            '--progress-bar',
            'off',
            '--disable-pip-version-check',
          ],
          ...['--only-binary=:all:', '--implementation', 'cp', '--python-version', '3.11'],
          ...PLATFORMS.flatMap((platform) => ['--platform', platform]),
          ...['--dest', wheels, '--requirement', REQUIREMENTS],
        ],
        { env: { ...env, TMPDIR: scratch } },
      );
    } finally {
      clearInterval(watch);
    }
    view.detail('unpacking');
    const out = join(work, 'libtorch');
    await run('python3', [EXTRACT, wheels, out], { env });
    await makeStub(out, scratch, env);
    try {
      renameSync(out, target);
    } catch (error) {
      // Another set-up may have been faster; anything else in the way is an error.
      if (!isComplete(target)) throw error;
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** torch-sys links libtorch.so by name, and the real one pulls in CUDA: an empty library of that name serves the linker. */
async function makeStub(out, scratch, env) {
  const compiler = findCompiler(env);
  if (compiler === undefined) throw new SetupError('a C++ compiler is needed to make the stub libtorch.so');
  const source = join(scratch, 'empty.cpp');
  writeFileSync(source, '');
  await run(compiler, ['-shared', '-fPIC', '-Wl,-soname,libtorch.so', '-o', join(out, 'lib', 'libtorch.so'), source], { env });
}

/** Points native/rift-core/libtorch to the folder. A real folder in that place (an image build) is left alone. */
export function linkLibtorch(root, env) {
  const link = join(root, 'native', 'rift-core', 'libtorch');
  const folder = libtorchFolder(env);
  const found = lstatSync(link, { throwIfNoEntry: false });
  if (found && !found.isSymbolicLink()) return;
  if (found && readlinkSync(link) === folder) return;
  const temporary = `${link}.${process.pid}`;
  symlinkSync(folder, temporary);
  renameSync(temporary, link);
}
