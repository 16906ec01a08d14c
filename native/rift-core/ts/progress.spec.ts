import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { progressClock } from './progress.js';

function follow(events: [at: number, done: number][]) {
  let now = 0;
  const clock = progressClock(() => now);
  return events.map(([at, done]) => {
    now = at;
    return clock(JSON.stringify({ phase: 'p', done, total: 100, unit: 'images', metrics: { loss: 1 } }));
  });
}

describe('progressClock', () => {
  it('estimates the time left from the rate so far', () => {
    const [, second] = follow([
      [1000, 0],
      [3000, 20],
    ]);
    assert.equal(second?.elapsedSeconds, 3);
    assert.equal(second.remainingSeconds, 8);
    assert.deepEqual(second.metrics, { loss: 1 });
  });

  it('says -1 while nothing is known', () => {
    assert.deepEqual(
      follow([
        [0, 0],
        [10, 0],
      ]).map((event) => event.remainingSeconds),
      [-1, -1],
    );
  });

  it('does not count work of an earlier attempt as done in this one', () => {
    const [, second] = follow([
      [0, 90],
      [5000, 95],
    ]);
    assert.equal(second?.remainingSeconds, 5);
  });

  it('says 0 at the end', () => {
    assert.equal(follow([[7, 100]])[0]?.remainingSeconds, 0);
  });
});
