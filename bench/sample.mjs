// The whole sample run as `npm start` makes it, in a state folder of its own: seconds from start to end, and the largest memory of
// all its processes together. Writes one side as JSON, as bench/perturb.mjs does. Words behind the script's name are run in place
// of `demo`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LOOK_MS = 250;

/** Every process below `root`, itself included: the services run in process groups of their own. */
function family(root) {
  const parents = new Map();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const status = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has ended.
    }
  }
  const found = new Set([root]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return found;
}

/** Proportional set size in MiB: pages that processes share, such as libtorch's, are counted once. */
function memory(pid) {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

const words = process.argv.length > 2 ? process.argv.slice(2) : ['demo'];
const home = mkdtempSync(join(tmpdir(), 'rift-sample-'));
const env = { ...process.env, RIFT_HOME: home, PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH}` };
const began = performance.now();
const child = spawn('rift', [...words, '--no-cache', '--json', '--output', join(home, 'out')], {
  cwd: ROOT,
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
});
let [peakMiB, most] = [0, new Set([child.pid])];
const watch = setInterval(() => {
  most = new Set([...most, ...family(child.pid)]);
  peakMiB = Math.max(
    peakMiB,
    [...most].reduce((sum, pid) => sum + memory(pid), 0),
  );
}, LOOK_MS);
const [output, code] = await Promise.all([
  text(child.stdout),
  new Promise((resolve, reject) => child.on('error', reject).on('close', resolve)),
]);
clearInterval(watch);
const seconds = (performance.now() - began) / 1000;
rmSync(home, { recursive: true, force: true });
if (code !== 0) throw new Error(`the sample run ended with exit code ${code}: ${output}`);
const stages = JSON.parse(output).stages?.map(({ id, seconds: each }) => [id, each]);
process.stdout.write(JSON.stringify({ sides: [{ name: 'sample run', side: 'ours', measurements: [{ seconds, peakMiB, stages }] }] }));
