import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agrees, golden } from './golden.spec-helper.js';
import { tInterval, wilsonInterval } from './interval.js';

describe('wilsonInterval', () => {
  it("agrees with SciPy's binomtest(...).proportion_ci(method='wilson')", () => {
    assert.ok(golden.wilson.length >= 9);
    for (const { correct, total, low, high } of golden.wilson) {
      const found = wilsonInterval(correct, total);
      assert.ok(
        agrees(found.low, low) && agrees(found.high, high),
        `${correct}/${total}: [${found.low}, ${found.high}], not [${low}, ${high}]`,
      );
    }
  });

  it('is 0.77 points to each side at 81 % of 10,000 images', () => {
    const { low, high } = wilsonInterval(8100, 10_000);
    assert.ok(Math.abs((high - low) / 2 - 0.0077) < 0.0001);
  });

  it('knows nothing from no images', () => {
    assert.deepEqual(wilsonInterval(0, 0), { low: 0, high: 1 });
  });

  it('reaches 0 and 1 exactly when no image or every image is right', () => {
    assert.equal(wilsonInterval(0, 37).low, 0);
    assert.equal(wilsonInterval(37, 37).high, 1);
  });

  it('refuses counts that are no counts, naming them', () => {
    assert.throws(() => wilsonInterval(11, 10), /correct 11 .* 10/);
    assert.throws(() => wilsonInterval(-1, 10), RangeError);
    assert.throws(() => wilsonInterval(0.5, 10), RangeError);
    assert.throws(() => wilsonInterval(1, Number.NaN), /total NaN/);
  });
});

describe('tInterval', () => {
  it("agrees with SciPy's one-sample t confidence interval", () => {
    for (const { values, mean, standardDeviation, low, high } of golden.tInterval) {
      const found = tInterval(values);
      assert.ok(agrees(found.mean, mean) && agrees(found.standardDeviation, standardDeviation, 9));
      assert.ok(agrees(found.low, low) && agrees(found.high, high), `[${found.low}, ${found.high}], not [${low}, ${high}]`);
    }
  });

  it('takes the factor 4.30/√3 for three seeds', () => {
    const { mean, standardDeviation, high } = tInterval([0.1, 0.2, 0.6]);
    assert.ok(Math.abs((high - mean) / standardDeviation - 4.3026527297 / Math.sqrt(3)) < 1e-9);
  });

  it('refuses a single repetition and values that are not finite', () => {
    assert.throws(() => tInterval([0.5]), /at least 2/);
    assert.throws(() => tInterval([0.5, Number.NaN]), /finite/);
  });
});
