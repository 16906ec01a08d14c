import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fewSelectionImages } from './cautions.js';
import type { PathData, PathPointData } from './data/types.js';

/** A point of the line with accuracy on clean images, change under attack, and whether the rule allows it. */
function point(alpha: number, standard: number, attacked: number, allowed: boolean): PathPointData {
  const accuracy = { accuracy: standard, correct: 0, total: 200, ci95: [0, 1] as const };
  const adversarialChange = { difference: attacked, images: 200 } as unknown as PathPointData['adversarialChange'];
  return {
    alpha,
    standard: accuracy,
    adversarial: accuracy,
    standardChange: null,
    adversarialChange,
    allowed,
    chosen: alpha === 0,
  };
}

function path(...points: PathPointData[]): PathData {
  return { rule: '', margin: 0.005, attack: 'PGD-10', images: null, chosenAlpha: 0, reason: '', points };
}

describe('the caution about too few selection images', () => {
  it('is given where a better point lost less than the margin and only the number of images forbade it', () => {
    const [caution] = fewSelectionImages(path(point(0, 0.75, 0, true), point(0.5, 0.77, -0.005, false), point(1, 0.78, -0.02, false)));
    assert.match(caution ?? '', /alpha was better on clean images and lost no more than the margin of 0\.50 points under attack/);
    assert.match(caution ?? '', /200 selection images cannot rule out a larger loss/);
  });

  it('is not given where the better points lost robustness, or where none was better', () => {
    assert.deepEqual(fewSelectionImages(path(point(0, 0.75, 0, true), point(1, 0.78, -0.02, false))), []);
    assert.deepEqual(fewSelectionImages(path(point(0, 0.75, 0, true), point(1, 0.75, 0, false))), []);
    assert.deepEqual(fewSelectionImages(null), []);
  });
});
