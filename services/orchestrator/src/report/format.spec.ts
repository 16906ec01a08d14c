import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attackName, pixels } from './data/names.js';
import { count, decimalsFor, duration, fixed, percent, pointTick, pValue, signedPoints, significant } from './format.js';
import { html } from './page/html.js';
import { PGD } from './testing/evaluation.js';

describe('numbers for people', () => {
  it('have a true minus sign and no negative zero', () => {
    assert.equal(signedPoints(-0.0123, 1), '−1.2');
    assert.equal(signedPoints(0.0123, 2), '+1.23');
    for (const nothing of [0, -0.0001, 0.0001]) assert.equal(signedPoints(nothing, 1), '0.0');
    assert.equal(fixed(-0.04, 1), '0.0');
  });

  it('have as many decimals as the images carry', () => {
    assert.deepEqual([100, 1999, 2000, 10_000].map(decimalsFor), [1, 1, 2, 2]);
    assert.equal(percent(0.81459, 2), '81.46\u202f%');
  });

  it('keep three significant digits without needless exponents', () => {
    assert.deepEqual(
      [0.0759, 0.36, 12.94, 1840, 0, null, -0.5].map((value) => significant(value)),
      ['0.0759', '0.360', '12.9', '1,840', '0', '–', '−0.500'],
    );
    assert.equal(significant(0.0000123), '1.23e-5');
    assert.equal(count(1234567), '1,234,567');
  });

  it('write small p-values as a bound', () => {
    assert.deepEqual([0.0004, 0.0321, 1].map(pValue), ['< 0.001', '0.032', '1.000']);
  });

  it('write times and axis labels shortly', () => {
    assert.deepEqual([0.04, 42.4, 200, 3599.7, 7500].map(duration), ['0.0 s', '42 s', '3 min 20 s', '60 min 0 s', '2 h 5 min']);
    assert.deepEqual([-1, -0.5, 0, 0.25, 2].map(pointTick), ['−1', '−0.5', '0', '+0.25', '+2']);
  });

  it('write radii as multiples of 1/255 where they are', () => {
    assert.deepEqual([8 / 255, 0.5 / 255, 0.5, 2 / 225].map(pixels), ['8/255', '0.5/255', '0.5', '0.008889']);
    assert.equal(attackName({ ...PGD, restarts: 1 }), 'PGD-10');
  });
});

describe('html templates', () => {
  it('escape text and keep markup', () => {
    assert.equal(
      html`<p title="${'"><script>'}">${['a & b', html`<b>c</b>`, null, false, 0]}</p>`.text,
      '<p title="&quot;&gt;&lt;script&gt;">a &amp; b<b>c</b>0</p>',
    );
  });
});
