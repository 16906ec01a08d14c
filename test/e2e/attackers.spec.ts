import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';

import { SAMPLE, Workplace } from './rift.js';

interface Attacked {
  readonly perSample: readonly number[];
  readonly [figure: string]: unknown;
}

/** 160 images are two ranges. */
const ATTACK = [
  ...[
    'attack',
    '--network',
    SAMPLE.network,
    '--data',
    SAMPLE.data,
    '--limit',
    '160',
    '--attack',
    'apgd-t',
    '--steps',
    '10',
    '--targets',
    '3',
  ],
  ...['--restarts', '1', '--per-sample', '--no-cache'],
];

describe('an evaluation', () => {
  let place: Workplace;
  before(async () => {
    place = await Workplace.create();
  });
  after(async () => place[Symbol.asyncDispose]());

  /** What the attack finds with so many attackers, without what is timed or named anew; and how many jobs each attacker did. */
  async function attacked(attackers: number, threads: number): Promise<{ figures: Attacked; jobs: number[] }> {
    await place.up('--attackers', String(attackers), '--threads', String(threads));
    const { runId, seconds, imagesPerSecond, ...figures } = await place.json<Attacked>(...ATTACK);
    assert.ok(runId !== undefined && seconds !== undefined && imagesPerSecond !== undefined);
    await place.down();
    const names = attackers === 1 ? ['attacker'] : Array.from({ length: attackers }, (_, index) => `attacker-${index + 1}`);
    const logs = await Promise.all(names.map((name) => readFile(`${place.home}/logs/${name}.log`, 'utf8')));
    return { figures, jobs: logs.map((log) => log.match(/job done/g)?.length ?? 0) };
  }

  it('has the same numbers, image by image, from one attacker and from two that share the images', async () => {
    const one = await attacked(1, 1);
    const two = await attacked(2, 2);
    assert.deepEqual(one.jobs, [2]);
    assert.deepEqual(two.jobs, [1, 1]);
    assert.ok(new Set(one.figures.perSample).size === 2, 'some images fall, some stand');
    assert.deepEqual(two.figures, one.figures);
  });
});
