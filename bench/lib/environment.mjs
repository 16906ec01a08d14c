// The peers' Python environment, made once in the user's cache, where checkouts share it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cacheFolder } from '../../scripts/lib/cache.mjs';

/** What the packages and pip's copies of them take while they are unpacked. */
const DISK_GB = 12;
const REQUIREMENTS = fileURLToPath(new URL('../requirements.txt', import.meta.url));

function place() {
  const stamp = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 16);
  const cache = cacheFolder(process.env);
  const folder = join(cache, `bench-python-${stamp}`);
  return { cache, folder, python: join(folder, 'bin', 'python'), ready: join(folder, 'ready') };
}

/** @returns {string | undefined} the interpreter, where one is named by RIFT_BENCH_PYTHON or was made before */
export function readyPython() {
  if (process.env.RIFT_BENCH_PYTHON) return process.env.RIFT_BENCH_PYTHON;
  const { python, ready } = place();
  return existsSync(ready) ? python : undefined;
}

/**
 * @returns {string} the interpreter, made first where there is none
 * @throws Error when the disk is too small or pip fails; nothing is left behind then
 */
export function peersPython() {
  const there = readyPython();
  if (there !== undefined) return there;
  const { cache, folder, python, ready } = place();
  mkdirSync(cache, { recursive: true });
  const { bavail, bsize } = statfsSync(cache);
  const free = (bavail * bsize) / 1e9;
  if (free < DISK_GB) throw new Error(`${cache}: ${free.toFixed(1)} GB are free, the peers need ${DISK_GB} GB while they are installed`);
  process.stderr.write('Installing the peers (PyTorch and what it brings: about 3 GB to fetch, 5 GB on disk)\n');
  try {
    execFileSync('python3', ['-m', 'venv', '--clear', folder], { stdio: ['ignore', 2, 2] });
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '-r', REQUIREMENTS], { stdio: ['ignore', 2, 2] });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  writeFileSync(ready, '');
  return python;
}
