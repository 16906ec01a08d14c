// Measures this project against its peers: both sides in fresh processes, interleaved, with equal weights, images and threads.
// Rows can be measured in several calls: a call replaces its own rows in the results and leaves the others.
// Usage: npm run bench -- [--scale tiny|full] [--rows ID,ID] [--threads N] [--rounds N] [--out FILE] [--table-only]
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { table, writeInto } from './lib/document.mjs';
import { peersPython } from './lib/environment.mjs';
import { measureRow, prepare, resultOf } from './lib/row.mjs';
import { rowsOf, SCALES } from './lib/rows.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: 'tiny' },
    rows: { type: 'string' },
    threads: { type: 'string', default: String(cpus().length) },
    rounds: { type: 'string' },
    out: { type: 'string' },
    'table-only': { type: 'boolean', default: false },
  },
});
if (!(values.scale in SCALES)) throw new Error(`--scale ${values.scale}: must be one of ${Object.keys(SCALES).join(', ')}`);
const size = SCALES[values.scale];
const known = rowsOf(values.scale);
const wanted = values.rows?.split(',') ?? known.map(({ id }) => id);
const unknown = wanted.filter((id) => !known.some((row) => row.id === id));
if (unknown.length > 0) throw new Error(`--rows ${unknown.join(',')}: must name some of ${known.map(({ id }) => id).join(', ')}`);
const rounds = Number(values.rounds ?? size.rounds);
const threads = Number(values.threads);
// Tiny sizes only show that everything runs; their figures say nothing and go where nobody reads them.
const out =
  values.out ??
  (values.scale === 'tiny' ? join(ROOT, '.cache', 'bench', 'tiny.json') : join(ROOT, 'bench', 'results', `${values.scale}.json`));

function describeMachine() {
  const processor = readFileSync('/proc/cpuinfo', 'utf8');
  return {
    processor: cpus()[0].model,
    processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    bf16: /avx512_bf16|amx_bf16/.test(processor),
  };
}

function describeVersions() {
  return {
    node: process.version,
    rift: JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version,
    peers: readFileSync(join(ROOT, 'bench', 'requirements.txt'), 'utf8')
      .trim()
      .split('\n'),
  };
}

const earlier = existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : { rows: [] };
if (!values['table-only']) {
  const place = { root: ROOT, python: peersPython(), inputs: join(ROOT, '.cache', 'bench', 'inputs'), threads };
  prepare(place, known, size);
  const say = (text) => process.stderr.write(text);
  for (const row of known.filter(({ id }) => wanted.includes(id))) {
    const result = resultOf(row, await measureRow(place, row, { rounds, say }));
    earlier.rows = known
      .map(({ id }) => (id === row.id ? result : earlier.rows.find((old) => old.id === id)))
      .filter((one) => one !== undefined);
    Object.assign(earlier, { scale: values.scale, threads, machine: describeMachine(), versions: describeVersions() });
    // After every row: what was measured is not lost when a later row fails.
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, `${JSON.stringify(earlier, null, 1)}\n`);
  }
}
if (values.scale === 'full' && values.out === undefined) writeInto(join(ROOT, 'docs', 'performance.md'), earlier);
console.log(table(earlier));
