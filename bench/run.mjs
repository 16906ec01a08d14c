// Measures this project against its peers: both sides in fresh processes, interleaved, with equal weights, images and threads.
// Rows can be measured in several calls: a call replaces its own rows in the results and leaves the others.
// Usage: npm run bench -- [--scale tiny|full] [--rows ID,ID] [--threads N] [--rounds N] [--out FILE] [--table-only]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { table, writeInto } from './lib/document.mjs';
import { peersPython } from './lib/environment.mjs';
import { measure, measureByScript } from './lib/measure.mjs';
import { rowsOf, SCALES } from './lib/rows.mjs';
import { mrcGap, ratiosOf, summarise } from './lib/summary.mjs';

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

function prepare() {
  const python = peersPython();
  const inputs = join(ROOT, '.cache', 'bench', 'inputs');
  mkdirSync(inputs, { recursive: true });
  execFileSync(python, [join(ROOT, 'bench', 'peers', 'wide.py'), inputs, String(size.wrnWidth)], { stdio: ['ignore', 2, 2] });
  const counts = known.flatMap(({ sides = [] }) => sides.filter(({ task }) => task === 'criticality').map(({ images }) => images));
  const args = [inputs, [...new Set(counts)].join(','), String(size.wrnWidth)];
  execFileSync(process.execPath, [join(ROOT, 'bench', 'prepare.mjs'), ...args], { stdio: ['ignore', 2, 2] });
  return { root: ROOT, python, inputs, threads };
}

async function measureRow(place, row) {
  const say = (text) => process.stderr.write(text);
  if (row.script !== undefined) {
    say(`${row.id}\n`);
    const { sides: found } = await measureByScript(place, row);
    return { sides: found, measurements: found.map((side) => side.measurements) };
  }
  const measurements = row.sides.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, side] of row.sides.entries()) {
      say(`${row.id} round ${round + 1} of ${rounds}: ${side.point ?? ''} ${side.name} `);
      const one = await measure(place, side);
      say(`${one.seconds.toFixed(2)} s\n`);
      measurements[index].push(one);
    }
  }
  return { sides: row.sides, measurements };
}

function resultOf(row, { sides: measured, measurements }) {
  const sides = measured.map((side, index) => summarise(side, measurements[index]));
  const theirs = sides.find(({ side }) => side === 'peer');
  return {
    id: row.id,
    title: row.title,
    date: new Date().toISOString().slice(0, 10),
    rounds: measurements[0].length,
    sides,
    ratios: ratiosOf(row, sides, measurements),
    ...(row.isCurve && { isCurve: true }),
    ...(row.limits && { limits: row.limits }),
    ...(theirs?.mrc &&
      !row.isCurve && {
        mrcGaps: sides.filter(({ side }) => side === 'ours').map(({ name, mrc }) => ({ name, ...mrcGap(mrc, theirs.mrc) })),
      }),
  };
}

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
  const place = prepare();
  for (const row of known.filter(({ id }) => wanted.includes(id))) {
    const result = resultOf(row, await measureRow(place, row));
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
