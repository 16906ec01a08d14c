// Measures this project against its peers: both sides in fresh processes, interleaved, with equal weights, images and threads.
// Usage: npm run bench -- [--scale tiny|quick|full] [--rows ID,ID] [--threads N] [--rounds N] [--out FILE]
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { peersPython } from './lib/environment.mjs';
import { measure } from './lib/measure.mjs';
import { rowsOf, SCALES } from './lib/rows.mjs';
import { ratiosOf, summarise, table } from './lib/summary.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: 'quick' },
    rows: { type: 'string' },
    threads: { type: 'string', default: String(cpus().length) },
    rounds: { type: 'string' },
    out: { type: 'string' },
  },
});
if (!(values.scale in SCALES)) throw new Error(`--scale ${values.scale}: must be one of ${Object.keys(SCALES).join(', ')}`);
const size = SCALES[values.scale];
const rows = rowsOf(values.scale).filter(({ id }) => values.rows === undefined || values.rows.split(',').includes(id));
if (rows.length === 0) throw new Error(`--rows ${values.rows}: must name some of ${rowsOf(values.scale).map(({ id }) => id)}`);
const rounds = Number(values.rounds ?? size.rounds);
const threads = Number(values.threads);

const python = peersPython(ROOT);
const inputs = join(ROOT, '.cache', 'bench', 'inputs');
mkdirSync(inputs, { recursive: true });
execFileSync(python, [join(ROOT, 'bench', 'peers', 'wide.py'), join(inputs, 'w64.pth')], { stdio: ['ignore', 2, 2] });
execFileSync(process.execPath, [join(ROOT, 'bench', 'prepare.mjs'), inputs, String(size.criticality)], { stdio: ['ignore', 2, 2] });

const results = [];
for (const row of rows) {
  const measurements = row.sides.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, side] of row.sides.entries()) {
      process.stderr.write(`${row.id} round ${round + 1} of ${rounds}: ${side.name} `);
      const one = await measure({ root: ROOT, python, inputs, threads }, side);
      process.stderr.write(`${one.seconds.toFixed(2)} s\n`);
      measurements[index].push(one);
    }
  }
  const sides = row.sides.map((side, index) => summarise(side, measurements[index]));
  results.push({ id: row.id, title: row.title, rounds, sides, ratios: ratiosOf(row, sides) });
}

const machine = {
  processor: cpus()[0].model,
  processors: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${process.platform} ${release()}`,
  bf16: /avx512_bf16|amx_bf16/.test(readFileSync('/proc/cpuinfo', 'utf8')),
};
const versions = {
  node: process.version,
  rift: JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version,
  peers: readFileSync(join(ROOT, 'bench', 'requirements.txt'), 'utf8')
    .trim()
    .split('\n'),
};
const out = values.out ?? join(ROOT, 'bench', 'results', `${values.scale}.json`);
mkdirSync(dirname(out), { recursive: true });
writeFileSync(
  out,
  `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), scale: values.scale, threads, machine, versions, rows: results }, null, 1)}\n`,
);
console.log(table(results));
