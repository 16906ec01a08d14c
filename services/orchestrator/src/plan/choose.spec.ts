import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AlphaPoint, CriticalityResult } from '@rift/contracts';
import { outcomeOf } from '../testing/messages.js';
import { chooseAlpha, middlesAround } from './choose-alpha.js';
import { chooseModules } from './choose-modules.js';

function criticality(...modules: [name: string, mrc: number, standardError?: number][]): CriticalityResult {
  return {
    baseLoss: 1,
    baseAccuracy: 0.5,
    modules: modules.map(([name, mrc, standardError = 0.001]) => ({
      name,
      mrc,
      standardError,
      robustAccuracyDrop: 0,
      perturbationRatio: 0.1,
      firstOrder: 0,
      seconds: 1,
      nanEpochs: 0,
      modules: [name],
      seedMrcs: [],
    })),
    estimates: [],
    stability: null,
    greedy: [],
  };
}

describe('chooseModules', () => {
  it('takes the module with the smallest criticality', () => {
    assert.deepEqual(chooseModules(criticality(['b', 0.5], ['a', 0.09], ['c', 12]))?.modules, ['a']);
  });

  it('never takes a module without a finite criticality', () => {
    const choice = chooseModules(criticality(['nan', NaN], ['inf', -Infinity], ['fine', 3]));
    assert.deepEqual(choice?.modules, ['fine']);
    assert.deepEqual(choice?.excluded, ['nan', 'inf']);
    assert.match(choice?.reason ?? '', /left out: nan, inf/);
  });

  it('names modules within the standard error of the smallest as tied', () => {
    const choice = chooseModules(criticality(['low', 0.1, 0.02], ['near', 0.115, 0.001], ['far', 0.2, 0.01]));
    assert.deepEqual(choice?.tied, ['near']);
    assert.match(choice?.reason ?? '', /tied within the band of images and seeds with near/);
  });

  it('names modules as tied that the seeds order one way and the other', () => {
    const result = criticality(['low', 0.1, 0.001], ['near', 0.13, 0.001]);
    result.modules[0]!.seedMrcs = [0.06, 0.1];
    assert.deepEqual(chooseModules(result)?.tied, ['near']);
  });

  it('takes the k least critical modules, or the k most critical ones', () => {
    const result = criticality(['b', 0.5], ['a', 0.09], ['c', 12], ['nan', NaN]);
    assert.deepEqual(chooseModules(result, { rule: 'MODULE_RULE_LEAST_CRITICAL', count: 2 })?.modules, ['a', 'b']);
    assert.deepEqual(chooseModules(result, { rule: 'MODULE_RULE_MOST_CRITICAL', count: 1 })?.modules, ['c']);
    assert.deepEqual(chooseModules(result, { rule: 'MODULE_RULE_UNSPECIFIED', count: 0 })?.modules, ['a']);
    assert.equal(chooseModules(result, { rule: 'MODULE_RULE_LEAST_CRITICAL', count: 4 }), undefined);
  });

  it('takes all modules of a block or group that wins', () => {
    const result = criticality(['layer1.0', 0.1], ['layer2.0', 0.5]);
    result.modules[0]!.modules = ['layer1.0.conv1', 'layer1.0.conv2'];
    assert.deepEqual(chooseModules(result)?.modules, ['layer1.0.conv1', 'layer1.0.conv2']);
  });

  it('takes the set that was grown by joint criticality, and nothing where none was', () => {
    const result = criticality(['a', 0.09], ['b', 0.5], ['c', 12]);
    const greedy = { rule: 'MODULE_RULE_GREEDY', count: 2 } as const;
    assert.equal(chooseModules(result, greedy), undefined);
    result.greedy = [
      { added: 'a', modules: ['a'], mrc: 0.09, standardError: 0, tried: 0 },
      { added: 'c', modules: ['a', 'c'], mrc: 0.7, standardError: 0, tried: 2 },
    ];
    assert.deepEqual(chooseModules(result, greedy)?.modules, ['a', 'c']);
  });

  it('chooses nothing when no module has a finite criticality', () => {
    assert.equal(chooseModules(criticality(['a', NaN])), undefined);
  });
});

/** A point whose standard accuracy is `right` of 100 and whose adversarial outcome is given. */
function point(alpha: number, right: number, adversarial: readonly number[]): AlphaPoint {
  const clean = Array.from({ length: 100 }, (_, index) => (index < right ? 1 : 0));
  return {
    alpha,
    standard: outcomeOf(clean),
    adversarial: { attack: null, outcome: outcomeOf(adversarial), audit: null, stages: [], flags: [], imagesPerSecond: 0 },
  };
}

function bits(right: number, total: number): number[] {
  return Array.from({ length: total }, (_, index) => (index < right ? 1 : 0));
}

describe('chooseAlpha', () => {
  it('takes the largest standard accuracy among alphas within the margin (paper)', () => {
    const points = [point(0, 80, bits(500, 1000)), point(0.5, 82, bits(499, 1000)), point(1, 85, bits(498, 1000))];
    assert.equal(chooseAlpha(points, 'ALPHA_RULE_PAPER', 0.001).alpha, 0.5);
  });

  it('counts an accuracy exactly at the margin as kept (paper)', () => {
    const points = [point(0, 80, bits(3, 10)), point(1, 81, bits(2, 10))];
    assert.equal(chooseAlpha(points, 'ALPHA_RULE_PAPER', 0.1).alpha, 1);
  });

  it('takes the smallest of equally accurate alphas', () => {
    const points = [point(0, 80, bits(50, 100)), point(0.3, 82, bits(50, 100)), point(0.6, 82, bits(60, 100))];
    assert.equal(chooseAlpha(points, 'ALPHA_RULE_PAPER', 0).alpha, 0.3);
  });

  it('keeps the original when every other alpha loses too much', () => {
    const choice = chooseAlpha([point(0, 80, bits(500, 1000)), point(1, 90, bits(400, 1000))], 'ALPHA_RULE_PAPER', 0.001);
    assert.equal(choice.alpha, 0);
    assert.match(choice.reason, /the original is kept/);
  });

  it('asks the non-inferiority rule for evidence: few images cannot show that robustness is kept', () => {
    // One image lost of 100: change -1 point, bound -2.6 points; of 10,000 the same count is -0.01 points, bound -0.026.
    const small = [point(0, 80, bits(50, 100)), point(1, 90, bits(49, 100))];
    const large = [point(0, 80, bits(5000, 10_000)), point(1, 90, bits(4999, 10_000))];
    assert.equal(chooseAlpha(small, 'ALPHA_RULE_NON_INFERIOR', 0.005).alpha, 0);
    assert.equal(chooseAlpha(large, 'ALPHA_RULE_NON_INFERIOR', 0.005).alpha, 1);
  });

  it('pairs images: equal counts on other images are more uncertain than equal outcomes', () => {
    const flipped = [...bits(45, 100).reverse()];
    const points = [point(0, 80, bits(45, 100)), point(1, 90, flipped)];
    assert.equal(chooseAlpha(points, 'ALPHA_RULE_NON_INFERIOR', 0.05).alpha, 0);
    assert.equal(chooseAlpha(points, 'ALPHA_RULE_PAPER', 0.05).alpha, 1);
  });

  it('refuses points without an original', () => {
    assert.throws(() => chooseAlpha([point(1, 90, bits(1, 2))], 'ALPHA_RULE_PAPER', 0), /alpha = 0/);
  });
});

describe('middlesAround', () => {
  it('halves the distances to both neighbours, or to the only one at an end', () => {
    assert.deepEqual(middlesAround([0, 0.4, 0.5, 1], 0.4), [0.2, 0.45]);
    assert.deepEqual(middlesAround([0, 0.5, 1], 1), [0.75]);
    assert.deepEqual(middlesAround([0, 0.5, 1], 0), [0.25]);
  });
});
