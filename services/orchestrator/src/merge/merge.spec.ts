import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CriticalityResult, EvaluateResult } from '@rift/contracts';
import { outcomeOf } from '../testing/messages.js';
import { mergeCriticality } from './merge-criticality.js';
import { mergeSeeds } from './merge-seeds.js';
import { mergeEvaluations } from './merge-evaluation.js';
import { groupsOf, shardsOf } from './shards.js';

/** What one call would report for a range of images whose outcome is a fixed function of the image's index. */
function evaluate(first: number, count: number): EvaluateResult {
  const images = Array.from({ length: count }, (_, index) => first + index);
  const clean = images.map((image) => (image % 5 === 0 ? 0 : 1));
  const robust = images.map((image) => (image % 2 === 0 ? 0 : 1));
  const meanLoss = images.reduce((total, image) => total + image, 0) / count;
  return {
    standard: outcomeOf(clean, meanLoss),
    attacks: [
      {
        attack: null,
        outcome: outcomeOf(robust, 2 * meanLoss),
        audit: { maxPerturbation: 0.03 + first / 1e6, minPixel: first / 1e6, maxPixel: 1 - first / 1e6, nanCount: 0, imagesChanged: count },
        stages: [{ kind: 'ATTACK_KIND_APGD_CE', robust: robust.filter(Boolean).length, seconds: count / 100, zeroGradients: 0, flags: [] }],
        flags: ['zero gradient'],
        imagesPerSecond: 50,
      },
    ],
    corruptions: [{ name: 'fog', severities: [{ severity: 3, outcome: outcomeOf(clean, meanLoss) }] }],
    gallery: images
      .filter((image) => image % 7 === 0)
      .slice(0, 3)
      .map((image) => ({
        index: image - first,
        label: image,
        predictedBefore: 0,
        predictedAfter: 1,
        originalPng: Buffer.alloc(0),
        adversarialPng: Buffer.alloc(0),
        differencePng: Buffer.alloc(0),
      })),
    confusion: [clean.filter(Boolean).length, clean.filter((bit) => bit === 0).length],
    diagnostics: null,
    notes: ['frost was generated'],
  };
}

describe('shards', () => {
  it('cover a selection exactly and in order, whatever its size', () => {
    for (const limit of [1, 99, 100, 101, 2399, 2400, 2401, 10_000, 50_000]) {
      const shards = shardsOf({ splitDigest: 'x', offset: 30, limit });
      let next = 30;
      for (const shard of shards) {
        assert.equal(shard.offset, next);
        assert.ok(shard.limit > 0);
        next += shard.limit;
      }
      assert.equal(next, 30 + limit);
      assert.ok(shards.length <= 24);
    }
  });

  it('put the modules of a ResNet-18 one a call and of deeper networks a few a call', () => {
    assert.deepEqual(
      groupsOf([...Array(21).keys()]).map((group) => group.length),
      Array<number>(21).fill(1),
    );
    const groups = groupsOf([...Array(37).keys()]);
    assert.deepEqual(groups.flat(), [...Array(37).keys()]);
    assert.ok(groups.length <= 24);
  });
});

describe('mergeEvaluations', () => {
  it('gives what one call over all images gives', () => {
    const whole = evaluate(0, 250);
    const merged = mergeEvaluations(
      [
        { first: 0, result: evaluate(0, 100) },
        { first: 100, result: evaluate(100, 100) },
        { first: 200, result: evaluate(200, 50) },
      ],
      3,
    );
    assert.deepEqual(merged.standard?.perImage, whole.standard?.perImage);
    assert.equal(merged.standard?.correct, whole.standard?.correct);
    assert.equal(merged.standard?.total, 250);
    assert.ok(Math.abs((merged.standard?.meanLoss ?? 0) - (whole.standard?.meanLoss ?? 1)) < 1e-9);
    assert.deepEqual(merged.attacks[0]?.outcome?.perImage, whole.attacks[0]?.outcome?.perImage);
    assert.deepEqual(merged.attacks[0]?.stages, whole.attacks[0]?.stages);
    assert.deepEqual(merged.corruptions[0]?.severities[0]?.outcome?.perImage, whole.corruptions[0]?.severities[0]?.outcome?.perImage);
    assert.deepEqual(merged.gallery, whole.gallery);
    assert.deepEqual(merged.confusion, whole.confusion);
    assert.deepEqual(merged.notes, whole.notes);
    assert.equal(merged.attacks[0]?.imagesPerSecond, 50);
  });

  it('keeps the extremes of the audits and the flags once', () => {
    const merged = mergeEvaluations(
      [
        { first: 0, result: evaluate(0, 100) },
        { first: 100, result: evaluate(100, 100) },
      ],
      0,
    );
    assert.deepEqual(merged.attacks[0]?.audit, {
      maxPerturbation: 0.03 + 100 / 1e6,
      minPixel: 0,
      maxPixel: 1,
      nanCount: 0,
      imagesChanged: 200,
    });
    assert.deepEqual(merged.attacks[0]?.flags, ['zero gradient']);
  });

  it('makes the signs of stages from the sums, not from ranges too small to tell', () => {
    const range = (first: number, square: number): EvaluateResult => {
      const one = evaluate(first, 100);
      const [attack] = one.attacks;
      assert.ok(attack);
      const own = 'Square lowered robust accuracy by 1.00 points';
      const stages = [
        { kind: 'ATTACK_KIND_APGD_T' as const, robust: 50, seconds: 1, zeroGradients: 0, flags: [] },
        { kind: 'ATTACK_KIND_SQUARE' as const, robust: square, seconds: 1, zeroGradients: 0, flags: square < 50 ? [own] : [] },
      ];
      return { ...one, attacks: [{ ...attack, stages, flags: ['zero gradient', ...stages.flatMap(({ flags }) => flags)] }] };
    };
    const flagsOf = (squares: readonly number[]): string[] | undefined =>
      mergeEvaluations(
        squares.map((square, index) => ({ first: 100 * index, result: range(100 * index, square) })),
        0,
      ).attacks[0]?.flags;
    assert.deepEqual(flagsOf([49, ...Array<number>(9).fill(50)]), ['zero gradient']);
    assert.match(flagsOf([49, 49, 49, ...Array<number>(7).fill(50)])?.[1] ?? '', /by 0\.30 points/);
  });

  it('refuses ranges that measured different things', () => {
    const other = { ...evaluate(100, 100), attacks: [] };
    assert.throws(
      () =>
        mergeEvaluations(
          [
            { first: 0, result: evaluate(0, 100) },
            { first: 100, result: other },
          ],
          0,
        ),
      /attacks \(1, 0\)/,
    );
  });
});

describe('mergeCriticality', () => {
  const part = (baseLoss: number, ...modules: [string, number][]): CriticalityResult => ({
    baseLoss,
    baseAccuracy: 0.5,
    modules: modules.map(([name, mrc]) => ({
      name,
      mrc,
      robustAccuracyDrop: 0,
      perturbationRatio: 0,
      firstOrder: 0,
      standardError: 0,
      seconds: 0,
      nanEpochs: 0,
      modules: [name],
      seedMrcs: [],
    })),
    estimates: [],
    stability: null,
    greedy: [],
  });

  it('orders modules by rising criticality, those without a number last', () => {
    const merged = mergeCriticality([part(1, ['c', 3], ['nan', NaN]), part(1, ['a', -0.1]), part(1, ['b', 2])]);
    assert.deepEqual(
      merged.modules.map((module) => module.name),
      ['a', 'b', 'c', 'nan'],
    );
  });

  it('refuses parts that began from different losses', () => {
    assert.throws(() => mergeCriticality([part(1, ['a', 1]), part(1.2, ['b', 1])]), /disagree/);
  });

  it('keeps of each module the seed that found most, and all values beside it', () => {
    const merged = mergeSeeds([part(1, ['a', 0.1], ['b', 0.5], ['c', 3]), part(1, ['a', 0.08], ['b', 0.6], ['c', NaN])]);
    assert.deepEqual(
      merged.modules.map(({ name, mrc, seedMrcs }) => [name, mrc, seedMrcs]),
      [
        ['a', 0.1, [0.1, 0.08]],
        ['b', 0.6, [0.5, 0.6]],
        ['c', 3, [3, NaN]],
      ],
    );
    assert.equal(merged.stability?.seeds, 2);
    assert.equal(merged.stability?.spearman, 1);
    assert.equal(merged.stability?.leastAgreement, 1);
    assert.ok(Math.abs((merged.stability?.largestSpread ?? 0) - 0.2) < 1e-12);
  });

  it('says how far seeds disagree about the order and the least critical module', () => {
    const merged = mergeSeeds([part(1, ['a', 0.1], ['b', 0.2], ['c', 3]), part(1, ['a', 0.15], ['b', 0.12], ['c', 3])]);
    assert.equal(merged.modules[0]?.name, 'a');
    assert.equal(merged.stability?.leastAgreement, 0.5);
    assert.equal(merged.stability?.spearman, 0.5);
  });

  it('is one seed’s result as it is, and refuses seeds over other modules', () => {
    const one = part(1, ['a', 0.1]);
    assert.equal(mergeSeeds([one]), one);
    assert.throws(() => mergeSeeds([one, part(1, ['b', 0.1])]), /did not measure module a/);
  });
});
