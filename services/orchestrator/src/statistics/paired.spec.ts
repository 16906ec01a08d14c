import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agrees, golden, outcomes } from './golden.spec-helper.js';
import { differenceOf, mcnemarExact, meanDifference, nonInferiority, pairedCounts, pairedDifference } from './paired.js';

describe('pairedDifference', () => {
  it('agrees with the mean and standard error of the differences as SciPy takes them', () => {
    for (const expected of golden.paired) {
      const { before, after } = outcomes(expected);
      const found = pairedDifference(before, after);
      for (const key of ['difference', 'standardError', 'low', 'high'] as const) {
        assert.ok(agrees(found[key], expected[key], 10), `${expected.lost}/${expected.gained} ${key}: ${found[key]}, not ${expected[key]}`);
      }
    }
  });

  it('counts the flips in each direction', () => {
    const { before, after } = outcomes({ total: 100, lost: 7, gained: 11 });
    assert.deepEqual(pairedCounts(before, after), { total: 100, lost: 7, gained: 11 });
  });

  it('is exactly 0 with standard error 0 for equal outcomes', () => {
    const same = Uint8Array.of(1, 0, 1, 1);
    assert.deepEqual(pairedDifference(same, same), { difference: 0, standardError: 0, low: 0, high: 0 });
  });

  it('changes its sign and nothing else when before and after are exchanged', () => {
    const { before, after } = outcomes({ total: 60, lost: 4, gained: 13 });
    const forth = pairedDifference(before, after);
    const back = pairedDifference(after, before);
    assert.equal(back.difference, -forth.difference);
    assert.equal(back.standardError, forth.standardError);
  });

  it('refuses outcomes of different sets and of no image', () => {
    assert.throws(() => pairedDifference(Uint8Array.of(1), Uint8Array.of(1, 0)), /1 images and after 2/);
    assert.throws(() => pairedDifference(new Uint8Array(0), new Uint8Array(0)), /0 images/);
  });
});

describe('meanDifference', () => {
  it("agrees with SciPy's sem", () => {
    const expected = golden.meanDifference;
    const found = meanDifference(Float64Array.from(expected.values));
    for (const key of ['difference', 'standardError', 'low', 'high'] as const) assert.ok(agrees(found[key], expected[key], 11), key);
  });

  it('gives the paired difference of single outcomes up to the n − 1 of its variance', () => {
    const counts = { total: 400, lost: 9, gained: 21 };
    const { before, after } = outcomes(counts);
    const values = Float64Array.from(before, (was, i) => (after[i] ?? 0) - was);
    const ratio = meanDifference(values).standardError / differenceOf(counts).standardError;
    assert.ok(Math.abs(ratio - Math.sqrt(400 / 399)) < 1e-12);
  });

  it('refuses a single image', () => {
    assert.throws(() => meanDifference(Float64Array.of(1)), /at least 2/);
  });
});

describe('mcnemarExact', () => {
  it("agrees with SciPy's two-sided binomial test of one half", () => {
    for (const { lost, gained, p } of golden.mcnemar) {
      const found = mcnemarExact({ lost, gained });
      assert.ok(agrees(found, p, 10), `${lost}/${gained}: ${found}, not ${p}`);
    }
  });

  it('is symmetric and never above 1', () => {
    assert.equal(mcnemarExact({ lost: 4, gained: 17 }), mcnemarExact({ lost: 17, gained: 4 }));
    assert.equal(mcnemarExact({ lost: 8, gained: 8 }), 1);
  });
});

describe('nonInferiority', () => {
  it('agrees with the bound, the verdict and the supported margin computed with SciPy', () => {
    const verdicts = new Set<boolean>();
    for (const expected of golden.paired) {
      const found = nonInferiority(differenceOf(expected), expected.margin);
      assert.ok(agrees(found.lowerBound, expected.lowerBound, 10));
      assert.ok(agrees(found.supportedMargin, expected.supportedMargin, 10));
      assert.equal(found.holds, expected.holds);
      verdicts.add(found.holds);
    }
    assert.equal(verdicts.size, 2, 'the golden values hold both verdicts');
  });

  it('holds just above the supported margin and not at it', () => {
    const change = differenceOf({ total: 1000, lost: 12, gained: 9 });
    const { supportedMargin } = nonInferiority(change, 0);
    assert.equal(nonInferiority(change, supportedMargin).holds, false);
    assert.equal(nonInferiority(change, supportedMargin + 1e-9).holds, true);
  });

  it("decides RiFT's margin of 0.1 points on 10,000 images only when fewer than 0.37 % of them flip", () => {
    assert.equal(nonInferiority(differenceOf({ total: 10_000, lost: 18, gained: 18 }), 0.001).holds, true);
    assert.equal(nonInferiority(differenceOf({ total: 10_000, lost: 19, gained: 19 }), 0.001).holds, false);
  });

  it('refuses a margin below 0', () => {
    assert.throws(() => nonInferiority({ difference: 0, standardError: 0.1 }, -0.1), /margin -0.1/);
  });
});
