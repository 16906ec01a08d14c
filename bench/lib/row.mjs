// A row from its inputs to its line in the results.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { measure, measureByScript } from './measure.mjs';
import { mrcGap, ratiosOf, summarise } from './summary.mjs';

/** Makes what the sides of `rows` read in the folder `inputs`. */
export function prepare({ root, inputs }, rows, { wrnWidth }) {
  const counts = rows.flatMap(({ sides = [] }) => sides.filter(({ task }) => task === 'criticality').map(({ images }) => images));
  const args = [inputs, [...new Set(counts)].join(','), String(wrnWidth)];
  execFileSync(process.execPath, [join(root, 'bench', 'prepare.mjs'), ...args], { stdio: ['ignore', 2, 2] });
}

/**
 * Measures every side of a row in turn, round by round.
 * @returns {Promise<{sides: object[], measurements: object[][]}>} the sides and, for each, what its rounds took
 */
export async function measureRow(place, row, { rounds, say }) {
  if (row.script !== undefined) {
    say(`${row.id}\n`);
    const { sides } = await measureByScript(place, row);
    return { sides, measurements: sides.map((side) => side.measurements) };
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

/** What the results keep of a measured row. */
export function resultOf(row, { sides: measured, measurements }) {
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
