import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ranksOf, spearman } from './rank.js';

describe('ranksOf', () => {
  it('gives equal values the mean of their ranks', () => {
    assert.deepEqual(ranksOf([30, 10, 20, 20]), [4, 1, 2.5, 2.5]);
  });
});

describe('spearman', () => {
  it('is 1 for the same order, -1 for the reverse, whatever the distances', () => {
    assert.equal(spearman([1, 2, 3, 4], [10, 11, 500, 501]), 1);
    assert.equal(spearman([1, 2, 3, 4], [4, 3, 2, 1]), -1);
  });

  it('agrees with the textbook value 1 - 6 sum(d^2) / n(n^2 - 1) where nothing is tied', () => {
    // Ranks 1..5 against 2 1 4 3 5: d^2 sums to 4.
    assert.ok(Math.abs(spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) - (1 - 24 / 120)) < 1e-12);
  });

  it('says 0 when one side tells nothing apart, and 1 when neither does', () => {
    assert.equal(spearman([1, 1, 1], [1, 2, 3]), 0);
    assert.equal(spearman([1, 1], [2, 2]), 1);
  });

  it('refuses lists of different things', () => {
    assert.throws(() => spearman([1], [1, 2]), RangeError);
  });
});
