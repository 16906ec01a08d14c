import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changeOf } from './data/outcomes.js';
import type { ChangeData } from './data/types.js';
import { drawOutcomes, flip, outcomeFrom } from './testing/outcomes.js';
import { Xoshiro128 } from '../statistics/xoshiro.js';
import { verdictOf, type VerdictFacts } from './verdict.js';

/** A change of that many images, from outcomes drawn at random. */
function change(images: number, lost: number, gained: number): ChangeData {
  const random = new Xoshiro128(5);
  const before = drawOutcomes(images, Math.round(images / 2), random);
  return changeOf(outcomeFrom(before, 1), outcomeFrom(flip(before, lost, gained, random), 1), undefined);
}

const facts = (changes: Partial<VerdictFacts>): VerdictFacts => ({
  standard: null,
  adversarial: null,
  ood: null,
  margin: 0.005,
  alpha: 0.7,
  only: undefined,
  ...changes,
});

describe('verdictOf', () => {
  it('states a significant gain with its interval, and that robustness was kept when a loss beyond the margin is ruled out', () => {
    const { text, conclusion } = verdictOf(facts({ standard: change(10_000, 60, 250), adversarial: change(10_000, 70, 75) }));
    assert.match(
      text,
      /^\+1\.90 points clean \(95 % CI \+1\.56 to \+2\.24\), no significant change under attack \(\+0\.05 points, 95 % CI −0\.19 to \+0\.29\)\./,
    );
    assert.match(
      text,
      /Robustness was kept: a loss of more than 0\.15 points is ruled out \(one-sided 95 %\), within the margin of 0\.50\.$/,
    );
    assert.deepEqual(
      [conclusion.standard, conclusion.adversarial, conclusion.ood, conclusion.robustnessKept],
      ['gained', 'no-significant-change', 'not-measured', true],
    );
  });

  it('says plainly when robustness was lost, even beside a gain', () => {
    const { text, conclusion } = verdictOf(facts({ standard: change(10_000, 60, 250), adversarial: change(10_000, 220, 120) }));
    assert.match(text, /−1\.00 points under attack/);
    assert.match(text, /Robustness was lost: 1\.00 points of accuracy under attack\.$/);
    assert.doesNotMatch(text, /kept/);
    assert.equal(conclusion.adversarial, 'lost');
    assert.equal(conclusion.robustnessKept, false);
  });

  it('calls a loss within the margin a loss', () => {
    const { text, conclusion } = verdictOf(facts({ adversarial: change(10_000, 30, 10), margin: 0.005 }));
    assert.match(text, /Robustness was lost: 0\.20 points of accuracy under attack, though less than the margin of 0\.50 points\./);
    assert.equal(conclusion.robustnessKept, true);
  });

  it('says "no significant change" for a difference that chance explains, however large it looks', () => {
    const { text, conclusion } = verdictOf(facts({ standard: change(200, 4, 9) }));
    assert.match(text, /^No significant change on clean images \(\+2\.5 points/);
    assert.equal(conclusion.standard, 'no-significant-change');
  });

  it('leaves robustness open when the images are too few for the margin, and names the loss they rule out', () => {
    const adversarial = change(1000, 20, 21);
    const { text, conclusion } = verdictOf(facts({ adversarial }));
    assert.match(
      text,
      /Whether robustness was kept within the margin of 0\.5 points is open: on 1,000 images the data rule out only losses above 1\.0 points/,
    );
    assert.equal(conclusion.robustnessKept, false);
    assert.equal(conclusion.supportedMargin, adversarial.supportedMargin);
  });

  it('never rounds the loss that is ruled out down', () => {
    for (const lost of [11, 13, 17, 23, 29, 31]) {
      const adversarial = change(1000, lost, lost);
      const shown = /losses above (\d+\.\d) points/.exec(verdictOf(facts({ adversarial })).text)?.[1];
      assert.ok(Number(shown) / 100 >= adversarial.supportedMargin - 1e-12, `${shown} for ${adversarial.supportedMargin}`);
    }
  });

  it('reports a significant rise under attack as one', () => {
    assert.match(
      verdictOf(facts({ adversarial: change(10_000, 40, 110) })).text,
      /\+0\.70 points under attack.*Robustness rose by 0\.70 points\.$/,
    );
  });

  it('says that not one image changed rather than ruling out a loss of nothing', () => {
    assert.match(
      verdictOf(facts({ standard: change(500, 2, 30), adversarial: change(500, 0, 0) })).text,
      /not one image changed its outcome under attack/,
    );
  });

  it('says that the original was kept when alpha is 0 and nothing differs', () => {
    const same = change(500, 0, 0);
    assert.match(verdictOf(facts({ standard: same, adversarial: same, alpha: 0 })).text, /^No change: .* the original was kept/);
  });

  it('makes no comparison of what was not measured alike', () => {
    assert.match(verdictOf(facts({})).text, /^No comparison/);
    const empty = {
      standard: null,
      adversarial: null,
      ood: null,
      attacks: [],
      corruptions: {},
      published18: null,
      diagnostics: null,
      notes: [],
    };
    assert.match(verdictOf(facts({ only: empty })).text, /^No accuracy was measured/);
    const accuracy = { accuracy: 0.8, ci95: [0.77, 0.83] as const, correct: 800, total: 1000 };
    assert.match(
      verdictOf(facts({ only: { ...empty, standard: accuracy } })).text,
      /^Standard accuracy 80\.0 % \(95 % CI 77\.0–83\.0 %\)\. One network/,
    );
  });

  it('mentions corruptions only where they were measured', () => {
    const standard = change(1000, 5, 40);
    assert.doesNotMatch(verdictOf(facts({ standard })).text, /corruption/);
    assert.match(verdictOf(facts({ standard, ood: { ...change(1000, 5, 40), mcnemarP: null } })).text, /points under corruptions/);
  });
});
