import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { choicesOf } from './profiles.js';
import { choosePoint, shortSpec } from './sweep.js';

const point = (learningRate: number, selectionStandard: number) => ({ learningRate, selectionStandard });

describe('choosePoint', () => {
  it('takes the rate with the best accuracy, of equal ones the smallest', () => {
    assert.equal(choosePoint([point(0.001, 0.8), point(0.01, 0.83), point(0.1, 0.83), point(1, 0.1)]).point.learningRate, 0.01);
  });

  it('never takes a rate that diverged', () => {
    assert.equal(choosePoint([point(0.001, 0.5), point(1, NaN), point(2, -1)]).point.learningRate, 0.001);
    assert.throws(() => choosePoint([point(1, NaN)]), /no rate gave a finite accuracy/);
  });

  it('says when the best lies at the end of the sweep', () => {
    assert.match(choosePoint([point(0.001, 0.8), point(0.01, 0.9)]).reason, /at the end of the sweep/);
    assert.doesNotMatch(choosePoint([point(0.001, 0.8), point(0.01, 0.9), point(0.1, 0.7)]).reason, /end of the sweep/);
  });
});

describe('shortSpec', () => {
  it('keeps everything but the epochs, the schedule and which epoch is kept', () => {
    const spec = { ...choicesOf('PROFILE_SOUND')!.fineTune, trustRegion: 0.1, keepBest: false, seed: 3 };
    const short = shortSpec(spec, 2);
    assert.deepEqual([short.epochs, short.keepBest, short.optimizer?.schedule], [2, true, 'SCHEDULE_KIND_CONSTANT']);
    assert.deepEqual(short.optimizer?.milestones, []);
    assert.deepEqual([short.trustRegion, short.batchNorm, short.seed], [0.1, spec.batchNorm, 3]);
    assert.equal(short.optimizer?.weightDecay, spec.optimizer?.weightDecay);
  });
});
