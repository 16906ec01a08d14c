import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** What the package is built with, what it needs, and the readers that its exports are tested with. */
const REQUIREMENTS = [
  'grpcio-tools==1.76.0',
  'grpcio==1.76.0',
  'grpcio-status==1.76.0',
  'protobuf==6.33.6',
  'setuptools==80.9.0',
  'wheel==0.45.1',
  'numpy>=1.26',
  'safetensors>=0.4',
  'tensorboard==2.21.0',
  'mlflow-skinny==3.17.2',
];
/** Readers that are tested alone, without the deep-learning packages that they would bring. */
const ALONE = ['robustbench==1.1.1'];
const INSTALL_MS = 10 * 60_000;
const PACKAGE = fileURLToPath(new URL('../../../clients/python', import.meta.url));

/** A Python with the client's needs, or why there is none. */
export type PythonEnvironment = { readonly python: string; readonly torch: boolean } | { readonly missing: string };

/**
 * A virtual environment in the project's cache, made once. Where the Python it is made of (RIFT_TEST_PYTHON, else python3) has
 * PyTorch, or where the benchmarks have put one for the same Python into the cache, the environment sees that one: PyTorch is too
 * large to be fetched for a test.
 */
export async function pythonEnvironment(): Promise<PythonEnvironment> {
  const { RIFT_TEST_PYTHON: base = 'python3', RIFT_CACHE = join(homedir(), '.cache', 'rift') } = process.env;
  try {
    const { stdout } = await execute(base, ['-c', 'import ensurepip, sys, venv; print(sys.version, sys.base_prefix)']);
    const torch = (await torchFolder(base)) ?? (await benchTorch(RIFT_CACHE, stdout));
    const key = createHash('sha256')
      .update(JSON.stringify([REQUIREMENTS, ALONE, stdout, torch]))
      .digest('hex')
      .slice(0, 16);
    const folder = join(RIFT_CACHE, `python-${key}`);
    if (!existsSync(folder)) await createEnvironment(base, folder, torch);
    return { python: join(folder, 'bin', 'python'), torch: torch !== undefined };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { missing: `no Python environment: ${text.trim().split('\n').slice(-3).join(' ')}` };
  }
}

/** The site-packages folder that holds PyTorch; undefined when this Python has none. */
async function torchFolder(python: string): Promise<string | undefined> {
  try {
    const { stdout } = await execute(python, ['-c', 'import torch; print(torch.__file__)']);
    return dirname(dirname(stdout.trim()));
  } catch {
    return undefined;
  }
}

/** PyTorch of the environment that `npm run bench` made, when that is of the same Python. */
async function benchTorch(cache: string, version: string): Promise<string | undefined> {
  for (const python of globSync('bench-python-*/bin/python', { cwd: cache }).sort()) {
    const path = join(cache, python);
    const { stdout } = await execute(path, ['-c', 'import sys; print(sys.version, sys.base_prefix)']).catch(() => ({ stdout: '' }));
    const found = stdout === version ? await torchFolder(path) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

async function createEnvironment(base: string, folder: string, torch: string | undefined): Promise<void> {
  const draft = `${folder}.${process.pid}`;
  await mkdir(dirname(folder), { recursive: true });
  try {
    await execute(base, ['-m', 'venv', draft]);
    const pip = ['-m', 'pip', '--disable-pip-version-check', 'install', '--quiet'];
    await execute(join(draft, 'bin', 'python'), [...pip, ...REQUIREMENTS], { timeout: INSTALL_MS });
    await execute(join(draft, 'bin', 'python'), [...pip, '--no-deps', ...ALONE], { timeout: INSTALL_MS });
    if (torch !== undefined) {
      const { stdout } = await execute(join(draft, 'bin', 'python'), ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))']);
      await writeFile(join(stdout.trim(), 'torch-of-base.pth'), `${torch}\n`);
    }
    // An environment's own python finds its folder by where it lies, so the whole may move.
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Builds and installs the client's package into a folder, its stubs generated on the way. */
export async function installClient(python: string, target: string): Promise<void> {
  const pip = ['-m', 'pip', '--disable-pip-version-check', 'install', '--quiet', '--no-deps', '--no-build-isolation', '--target', target];
  await execute(python, [...pip, PACKAGE], { timeout: INSTALL_MS });
}

/** Runs test cases of the client's package, all of which have to pass. @returns what unittest said */
export async function runPythonTests(
  python: string,
  target: string,
  names: readonly string[],
  env: Record<string, string>,
): Promise<string> {
  const { PATH = '', HOME = '' } = process.env;
  const { stderr } = await execute(python, ['-m', 'unittest', ...names], {
    cwd: join(PACKAGE, 'tests'),
    env: { PATH, HOME, PYTHONPATH: target, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1', ...env },
    maxBuffer: 1 << 24,
  });
  return stderr;
}
