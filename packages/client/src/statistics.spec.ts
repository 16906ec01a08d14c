import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  accuracyOf,
  averageOver,
  meanCorruptionError,
  outOfDistribution,
  PUBLISHED_CORRUPTIONS,
  STANDARD_CORRUPTIONS,
  wilsonInterval,
} from './statistics.js';

const close = (actual: number, expected: number, tolerance = 5e-4): void => {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
};

const outcome = (bytes: number[]) => ({
  correct: bytes.reduce((sum, byte) => sum + byte, 0),
  total: bytes.length,
  perImage: Buffer.from(bytes),
  meanLoss: 0,
});

describe('wilsonInterval', () => {
  it('gives the published half-widths at 10,000 images', () => {
    for (const [share, half] of [
      [0.81, 0.0076],
      [0.54, 0.0098],
      [0.3, 0.009],
    ] as const) {
      const [low, high] = wilsonInterval(share * 10_000, 10_000);
      close((high - low) / 2, half, 1e-4);
    }
  });

  it('stays within [0, 1] and reaches the ends exactly at none and all', () => {
    const none = wilsonInterval(0, 20);
    const all = wilsonInterval(20, 20);
    assert.equal(none[0], 0);
    assert.equal(all[1], 1);
    close(none[1], 0.1611);
    close(all[0], 0.8389);
  });

  it('says nothing when nothing was judged', () => {
    assert.deepEqual(wilsonInterval(0, 0), [0, 1]);
    assert.equal(accuracyOf({ correct: 0, total: 0 }).accuracy, 0);
  });
});

describe('outOfDistribution', () => {
  const corruption = (name: string, ...rows: number[][]) => ({
    name,
    severities: rows.map((row, index) => ({ severity: index + 1, outcome: outcome(row) })),
  });

  it('is the mean over corruptions and severities', () => {
    const result = outOfDistribution([corruption('fog', [1, 1, 0, 0], [1, 0, 0, 0]), corruption('snow', [1, 1, 1, 0], [1, 1, 0, 0])]);
    assert.equal(result?.accuracy, 0.5);
    assert.equal(result?.correct, 8);
    assert.equal(result?.total, 16);
  });

  it('takes its interval over images: repeating a corruption does not narrow it', () => {
    const bytes = Array.from({ length: 100 }, (_, index) => (index < 60 ? 1 : 0));
    const once = outOfDistribution([corruption('fog', bytes)]);
    const often = outOfDistribution([corruption('fog', bytes, bytes, bytes, bytes, bytes)]);
    assert.ok(once !== undefined && often !== undefined);
    close(often.ci95[0], once.ci95[0], 1e-12);
    close(once.ci95[1] - once.ci95[0], 2 * 1.96 * Math.sqrt((0.6 * 0.4) / 99), 1e-3);
  });

  it('leaves corruptions beyond the standard fifteen out, unless there is nothing else', () => {
    const extra = corruption('spatter', [0, 0, 0, 0]);
    assert.equal(outOfDistribution([corruption('fog', [1, 1, 0, 0]), extra])?.accuracy, 0.5);
    assert.equal(outOfDistribution([extra])?.accuracy, 0);
  });

  it('is absent when no corruption was measured', () => {
    assert.equal(outOfDistribution([]), undefined);
  });
});

describe('averageOver', () => {
  const all = Object.fromEntries([...STANDARD_CORRUPTIONS, ...PUBLISHED_CORRUPTIONS].map((name) => [name, [0.5, 0.7]]));

  it('is the mean over the standard fifteen, and over the eighteen of the published code', () => {
    assert.equal(STANDARD_CORRUPTIONS.length, 15);
    assert.equal(PUBLISHED_CORRUPTIONS.length, 18);
    close(averageOver(STANDARD_CORRUPTIONS, { ...all, glass_blur: [0, 0], spatter: [1, 1] }) ?? 0, 0.6 * (14 / 15), 1e-12);
    close(averageOver(PUBLISHED_CORRUPTIONS, { ...all, glass_blur: [0, 0], spatter: [1, 1] }) ?? 0, (17 * 0.6 + 1) / 18, 1e-12);
  });

  it('is not taken over a part of the list', () => {
    const { fog, ...rest } = all;
    assert.equal(averageOver(STANDARD_CORRUPTIONS, rest), undefined);
    assert.ok(fog);
  });
});

describe('meanCorruptionError', () => {
  it('averages the ratios of summed errors, and is 1 for the base itself', () => {
    const base = { fog: [0.5, 0.3], snow: [0.9, 0.9] };
    assert.equal(meanCorruptionError(base, base), 1);
    close(meanCorruptionError({ fog: [0.8, 0.6], snow: [0.9, 0.7] }, base) ?? 0, (0.6 / 1.2 + 0.4 / 0.2) / 2, 1e-12);
  });

  it('is taken over the standard corruptions that both have at the same severities', () => {
    const base = { fog: [0.5], spatter: [0.1], snow: [0.5, 0.5] };
    close(meanCorruptionError({ fog: [0.75], spatter: [0.9], snow: [0.5] }, base) ?? 0, 0.5, 1e-12);
    assert.equal(meanCorruptionError({ snow: [0.5] }, base), undefined);
    assert.equal(meanCorruptionError({ fog: [0.5] }, { fog: [1] }), undefined);
  });
});
