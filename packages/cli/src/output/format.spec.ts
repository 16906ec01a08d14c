import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { accuracyText, bytes, count, duration, percent, points, radius } from './format.js';

describe('figures for people', () => {
  it('writes accuracies in percent with their interval', () => {
    assert.equal(percent(0.8146), '81.46 %');
    assert.equal(accuracyText({ accuracy: 0.8146, ci95: [0.80686, 0.82213] }), '81.46 % [80.69, 82.21]');
  });

  it('signs every difference, and never writes a negative zero', () => {
    assert.equal(points(0.0198), '+1.98');
    assert.equal(points(-0.001), '-0.10');
    assert.equal(points(-0.00001), '+0.00');
    assert.equal(points(0), '+0.00');
  });

  it('writes durations in the two largest units and a question mark when unknown', () => {
    assert.deepEqual([0.42, 9.96, 59.6, 185, 7620, -1, Number.NaN].map(duration), [
      '0.4 s',
      '10 s',
      '1 min 00 s',
      '3 min 05 s',
      '2 h 07 min',
      '?',
      '?',
    ]);
  });

  it('writes bytes and counts with units and groups', () => {
    assert.deepEqual([0, 999, 1_000, 999_999, 44_700_000].map(bytes), ['0 B', '999 B', '1.0 kB', '1.0 MB', '44.7 MB']);
    assert.deepEqual([7, 1000, 11_173_962].map(count), ['7', '1,000', '11,173,962']);
  });

  it('writes a radius as 255ths where it is one', () => {
    assert.deepEqual([8 / 255, 2 / 225, 0.5, 0].map(radius), ['8/255', '0.008889', '0.5', '0/255']);
  });
});
