// Every row of the benchmark at its tiny size: it only shows that both sides run, and do the same work.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { readyPython } from './lib/environment.mjs';
import { measureRow, prepare, resultOf } from './lib/row.mjs';
import { rowsOf, SCALES } from './lib/rows.mjs';

const rows = rowsOf('tiny');
const python = readyPython();
const skip =
  python === undefined ? 'no Python with the peers: `node bench/install.mjs` installs one, or name one in RIFT_BENCH_PYTHON' : false;
const inputs = mkdtempSync(join(tmpdir(), 'rift-bench-'));
// Measured once, not by each of the many processes.
process.env.RIFT_CHOICES ??= join(inputs, 'choices');
const place = { root: join(import.meta.dirname, '..'), python, inputs, threads: 1 };

const ONCE = { rounds: 1, say: () => {} };

/** Measures the sides of a row that one of both parties has. */
const measured = (row, party) => measureRow(place, { ...row, sides: row.sides.filter(({ side }) => side === party) }, ONCE);

/** Attacks start at other random points on either side: this share of the images may differ. */
const APART = 1 / 16;

const AGREES = {
  evaluate(ours, theirs) {
    const counts = ({ accuracy, images, stages = [] }) => [accuracy * images, ...stages.slice(-ours.stages.length)];
    const [mine, other] = [counts(ours), counts(theirs)];
    for (const [index, count] of other.entries()) {
      assert.ok(Math.abs(mine[index] - count) <= APART * ours.images + 1e-3, `${mine} and ${other} of ${ours.images} images withstand`);
    }
  },
  criticality(ours, theirs, { name }) {
    assert.deepEqual(Object.keys(ours.mrc), Object.keys(theirs.mrc));
    for (const [module, published] of Object.entries(theirs.mrc)) {
      // The same procedure; `sound` finds at least what it finds; `paper` has its own settings.
      if (name === 'code') assert.ok(Math.abs(ours.mrc[module] / published - 1) < 0.01, `${module}: ${ours.mrc[module]} for ${published}`);
      if (name === 'sound') assert.ok(ours.mrc[module] > 0.99 * published, `${module}: ${ours.mrc[module]} for ${published}`);
    }
  },
  train(ours, theirs) {
    assert.ok(Math.abs(ours.loss - theirs.loss) < 0.5, `mean losses of one epoch, ${ours.loss} and ${theirs.loss}`);
  },
};

function assertMeasured(side, { seconds, images, accuracy, stages, mrc, loss }) {
  assert.ok(seconds > 0 && Number.isFinite(seconds), `${side.name}: ${seconds} s`);
  assert.equal(images, side.limit ?? side.images);
  if (side.task === 'criticality') assert.deepEqual(Object.keys(mrc), SCALES.tiny.modules);
  else if (side.task === 'train') assert.ok(loss > 0);
  else assert.ok(accuracy >= 0 && accuracy <= 1);
  // The four attacks of the list; the peers put the clean images first.
  if (side.task === 'autoattack') assert.equal(stages.length, 5);
}

// One thread each: the peers' would wait for each other in a loop, on the processor that the other test needs.
describe('the benchmark at its tiny size', { concurrency: 2 }, () => {
  before(() => prepare(place, rows, SCALES.tiny));
  after(() => rmSync(inputs, { recursive: true, force: true }));

  for (const row of rows.filter(({ script }) => script === undefined)) {
    let ours;
    const measureOurs = () => (ours ??= measured(row, 'ours'));

    it(`${row.id}: this project's side measures what the row names`, async () => {
      const { sides, measurements } = await measureOurs();
      for (const [index, side] of sides.entries()) assertMeasured(side, measurements[index][0]);
    });

    if (!row.sides.some(({ side }) => side === 'peer')) continue;
    it(`${row.id}: the peers do the same work, and the row has its ratios`, { skip }, async () => {
      const [ours, peers] = [await measureOurs(), await measured(row, 'peer')];
      for (const [index, peer] of peers.sides.entries()) {
        const [theirs] = peers.measurements[index];
        assertMeasured(peer, theirs);
        for (const [at, side] of ours.sides.entries()) {
          if (side.point === peer.point) AGREES[side.task](ours.measurements[at][0], theirs, side);
        }
      }
      const both = { sides: [...ours.sides, ...peers.sides], measurements: [...ours.measurements, ...peers.measurements] };
      const { ratios, sides } = resultOf(row, both);
      assert.equal(sides.length, row.sides.length);
      assert.deepEqual(
        ratios.map(({ name, target }) => [name, target]),
        row.targets ?? [],
      );
      for (const { ratio } of ratios) assert.ok(ratio > 0 && Number.isFinite(ratio));
    });
  }

  for (const row of rows.filter(({ script }) => script !== undefined)) {
    it(`${row.id}: the script measures, and says what the row's targets and limits want`, async () => {
      const { sides, ratios } = resultOf(row, await measureRow(place, row, ONCE));
      assert.deepEqual(
        ratios.map(({ name }) => name),
        (row.targets ?? []).map(([name]) => name),
      );
      for (const side of sides) {
        for (const key of ['seconds', ...Object.keys(row.limits ?? {})]) assert.ok(Number.isFinite(side[key]), `${side.name}: ${key}`);
      }
    });
  }
});
