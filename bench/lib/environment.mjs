// The peers' Python environment, made once under .cache/bench.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} root of the checkout
 * @returns {string} the interpreter
 */
export function peersPython(root) {
  if (process.env.RIFT_BENCH_PYTHON) return process.env.RIFT_BENCH_PYTHON;
  const requirements = join(root, 'bench', 'requirements.txt');
  const stamp = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16);
  const folder = join(root, '.cache', 'bench', `python-${stamp}`);
  const python = join(folder, 'bin', 'python');
  const ready = join(folder, 'ready');
  if (existsSync(ready)) return python;
  mkdirSync(join(root, '.cache', 'bench'), { recursive: true });
  process.stderr.write('Installing the peers (PyTorch and what it brings: about 3 GB)\n');
  execFileSync('python3', ['-m', 'venv', '--clear', folder], { stdio: ['ignore', 2, 2] });
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], { stdio: ['ignore', 2, 2] });
  writeFileSync(ready, '');
  return python;
}
