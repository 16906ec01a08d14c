// The peers' Python environment, made once in the user's cache, where checkouts share it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @returns {string} the interpreter */
export function peersPython() {
  if (process.env.RIFT_BENCH_PYTHON) return process.env.RIFT_BENCH_PYTHON;
  const requirements = fileURLToPath(new URL('../requirements.txt', import.meta.url));
  const stamp = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16);
  const cache = process.env.RIFT_CACHE ? resolve(process.env.RIFT_CACHE) : join(homedir(), '.cache', 'rift');
  const folder = join(cache, `bench-python-${stamp}`);
  const python = join(folder, 'bin', 'python');
  const ready = join(folder, 'ready');
  if (existsSync(ready)) return python;
  mkdirSync(cache, { recursive: true });
  process.stderr.write('Installing the peers (PyTorch and what it brings: about 3 GB)\n');
  execFileSync('python3', ['-m', 'venv', '--clear', folder], { stdio: ['ignore', 2, 2] });
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], { stdio: ['ignore', 2, 2] });
  writeFileSync(ready, '');
  return python;
}
