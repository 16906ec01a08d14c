import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bootstrapMean } from './bootstrap.js';
import { agrees, differences, golden } from './golden.spec-helper.js';
import { differenceOf } from './paired.js';
import { Xoshiro128 } from './xoshiro.js';

describe('bootstrapMean', () => {
  it('gives the interval of an independent implementation that draws the same numbers', () => {
    for (const expected of golden.bootstrap.exact) {
      const found = bootstrapMean(differences(expected), { seed: expected.seed });
      assert.ok(agrees(found.low, expected.low) && agrees(found.high, expected.high), `[${found.low}, ${found.high}]`);
    }
  });

  it("agrees with SciPy's percentile bootstrap up to the sampling error of its ends", () => {
    const { scipy } = golden.bootstrap;
    const found = bootstrapMean(differences(scipy), { seed: 5 });
    assert.ok(Math.abs(found.low - scipy.low) < scipy.tolerance && Math.abs(found.high - scipy.high) < scipy.tolerance);
  });

  it('agrees with the normal interval on many flips', () => {
    const counts = { total: 2000, lost: 90, gained: 130 };
    const found = bootstrapMean(differences(counts), { seed: 11 });
    const normal = differenceOf(counts);
    assert.ok(Math.abs(found.low - normal.low) < 0.0011 && Math.abs(found.high - normal.high) < 0.0011);
  });

  it('gives the same interval for the same seed and another for another', () => {
    const values = differences({ total: 300, lost: 20, gained: 31 });
    assert.deepEqual(bootstrapMean(values, { seed: 3 }), bootstrapMean(values, { seed: 3 }));
    const words = [1, 2, 3, 4].map((seed) => new Xoshiro128(seed).next());
    assert.equal(new Set(words).size, 4);
  });

  it('refuses fewer than 10,000 replicates and no image', () => {
    assert.throws(() => bootstrapMean([0, 1], { seed: 1, replicates: 9_999 }), /9999 .* 10000/);
    assert.throws(() => bootstrapMean([], { seed: 1 }), /0 images/);
  });
});

describe('Xoshiro128', () => {
  it('gives the words of an independent implementation', () => {
    for (const { seed, words } of golden.generator) {
      const random = new Xoshiro128(seed);
      assert.deepEqual(
        words.map(() => random.next()),
        words,
      );
    }
  });

  it('stays below the bound and reaches every value', () => {
    const random = new Xoshiro128(0);
    const seen = new Set(Array.from({ length: 500 }, () => random.below(7)));
    assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4, 5, 6]);
  });

  it('refuses seeds outside of 32 bits', () => {
    for (const seed of [-1, 4294967296, 0.5]) assert.throws(() => new Xoshiro128(seed), RangeError);
  });
});
