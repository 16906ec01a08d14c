import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { table, writeInto } from './document.mjs';
import { rowsOf, SCALES } from './rows.mjs';
import { median, mrcGap, ratiosOf, summarise } from './summary.mjs';

const RUN = join(import.meta.dirname, '..', 'run.mjs');
const RESULTS = join(import.meta.dirname, '..', 'results', 'full.json');
const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'performance.md');

const results = {
  machine: { processor: 'P', processors: 2, memoryGiB: 24, bf16: true, system: 'linux' },
  versions: { node: 'v24', peers: ['torch==2'] },
  threads: 2,
  rows: [
    {
      title: 'Attack',
      rounds: 3,
      sides: [
        { name: 'auto', side: 'ours', seconds: 1, fastest: 1, slowest: 1.5, imagesPerSecond: 100, accuracy: 0.5 },
        { name: 'peer', side: 'peer', seconds: 2, fastest: 2, slowest: 2, imagesPerSecond: 50, accuracy: 0.5 },
      ],
      ratios: [{ name: 'auto', against: 'peer', ratio: 2, target: 2.5 }],
    },
  ],
};

describe('results of the benchmark', () => {
  it('are medians with their spread, and the largest memory of all rounds', () => {
    const rounds = [
      { seconds: 3, images: 30, peakMiB: 5 },
      { seconds: 1, images: 30, peakMiB: 7 },
      { seconds: 2, images: 30, peakMiB: 6, accuracy: 0.25 },
    ];
    assert.deepEqual(summarise({ name: 'auto', side: 'ours' }, rounds), {
      ...{ name: 'auto', side: 'ours', seconds: 2, fastest: 1, slowest: 3 },
      ...{ imagesPerSecond: 15, peakMiB: 7, accuracy: 0.25 },
    });
    assert.equal(median([4, 1, 3, 2]), 2.5);
  });

  it('of processes side by side count the images of all of them', () => {
    assert.equal(summarise({ name: 'two', side: 'ours', copies: 2 }, [{ seconds: 2, images: 10 }]).imagesPerSecond, 10);
  });

  it('are compared with the fastest peer', () => {
    const sides = [
      { name: 'auto', side: 'ours', imagesPerSecond: 60 },
      { name: 'slow', side: 'peer', imagesPerSecond: 10 },
      { name: 'fast', side: 'peer', imagesPerSecond: 20 },
    ];
    assert.deepEqual(ratiosOf({ targets: [['auto', 2.5]] }, sides), [{ name: 'auto', against: 'fast', ratio: 3, target: 2.5 }]);
  });

  it('of a script whose rounds alternate are compared round by round', () => {
    const sides = [{ name: 'gRPC' }, { name: 'addon' }];
    const measurements = [
      [{ seconds: 2 }, { seconds: 4 }, { seconds: 8 }],
      [{ seconds: 1 }, { seconds: 4 }, { seconds: 6 }],
    ];
    const row = { script: 'x', baseline: 'addon', targets: [['gRPC', 0.97]] };
    assert.deepEqual(ratiosOf(row, sides, measurements), [
      { name: 'gRPC', against: 'addon', ratio: 0.75, lowest: 0.5, highest: 1, target: 0.97 },
    ]);
  });

  it('name the modules whose MRC differ most', () => {
    assert.deepEqual(mrcGap({ a: 2, b: 1, c: 1 }, { a: 1, b: 2, c: 1 }), {
      lowest: { module: 'b', gap: -0.5 },
      highest: { module: 'a', gap: 1 },
    });
  });

  it('say in the table which target was missed', () => {
    assert.match(
      table(results),
      /\| Attack \(3 rounds\) \| \*\*RiFT, auto\*\* \| 1\.00 \(1\.00–1\.50\) \| 100 \| .* 50\.0 % \| 2\.00 \(missed\) \| 2\.5 \|/,
    );
  });

  it('go between the marks of a document and leave the rest of it', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'rift-bench-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const page = join(folder, 'page.md');
    const [begin, end] = ['<!-- measured: written by bench/run.mjs -->', '<!-- /measured -->'];
    writeFileSync(page, `before\n${begin}\nold\n${end}\nafter\n`);
    writeInto(page, results);
    assert.equal(readFileSync(page, 'utf8'), `before\n${begin}\n\n${table(results)}\n\n${end}\nafter\n`);
    writeFileSync(page, 'no marks');
    assert.throws(() => writeInto(page, results), /the marks .* are missing/);
  });
});

describe('the benchmark', () => {
  it('measures the same rows at every scale, and has a side for every target', () => {
    const ids = rowsOf('full').map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const scale of Object.keys(SCALES)) {
      const rows = rowsOf(scale);
      assert.deepEqual(
        rows.map(({ id }) => id),
        ids,
      );
      for (const { id, sides, targets = [] } of rows.filter((row) => row.sides !== undefined)) {
        for (const [name] of targets)
          assert.ok(
            sides.some((side) => side.name === name && side.side === 'ours'),
            `${id}: ${name}`,
          );
      }
    }
  });

  it('has put the results that are kept into docs/performance.md, and every row is among them', () => {
    const kept = JSON.parse(readFileSync(RESULTS, 'utf8'));
    assert.deepEqual(
      kept.rows.map(({ id }) => id),
      rowsOf('full').map(({ id }) => id),
    );
    assert.ok(readFileSync(PAGE, 'utf8').includes(table(kept)));
  });

  it('refuses rows and scales that it does not have', () => {
    for (const [option, value] of [
      ['--rows', 'pgd-w17'],
      ['--scale', 'huge'],
    ]) {
      assert.throws(
        () => execFileSync(process.execPath, [RUN, option, value], { stdio: 'pipe' }),
        ({ stderr }) => String(stderr).includes(`${option} ${value}: must `),
      );
    }
  });
});
