import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { TrainMethod } from '@rift/contracts';
import { check, trainSpec } from '@rift/validation';

import { presetOfMethod, scaleEpochs, trainingPreset, TRAINING_PRESETS } from './training-presets.js';

const specOf = (name: string) => {
  const preset = trainingPreset(name);
  assert.ok(preset, name);
  return preset.spec;
};

describe('training presets', () => {
  it('are complete settings by the rules of the contract, each with a name of its own and its source', () => {
    for (const { name, spec, source, summary } of TRAINING_PRESETS) {
      assert.deepEqual(check(trainSpec, spec), spec, name);
      assert.match(name, /^[a-z-]+$/);
      assert.ok(source.length > 10 && summary.length > 10, name);
    }
    assert.equal(new Set(TRAINING_PRESETS.map(({ name }) => name)).size, TRAINING_PRESETS.length);
  });

  it('exist for every method, which has it as its own', () => {
    for (const method of Object.values(TrainMethod)) {
      if (method !== 'TRAIN_METHOD_UNSPECIFIED') assert.equal(presetOfMethod(method).spec.method, method);
    }
  });

  it('hold the published constants', () => {
    const { optimizer, beta, attack, startNoise, preprocess } = specOf('trades');
    assert.deepEqual([optimizer?.weightDecay, beta, attack?.threatModel?.epsilon, attack?.stepSize], [2e-4, 6, 0.031, 0.007]);
    assert.deepEqual([startNoise, preprocess, specOf('trades').epochs], [0.001, 'none', 76]);
    assert.deepEqual([specOf('mart').optimizer?.weightDecay, specOf('mart').beta, specOf('mart').epochs], [3.5e-3, 5, 120]);
    assert.deepEqual([specOf('awp').awpGamma, specOf('awp').awpWarmup, specOf('awp').craftBatchNorm], [0.01, 0, 'CRAFT_BATCH_NORM_TRAIN']);
    assert.deepEqual([specOf('trades-awp').awpGamma, specOf('trades-awp').awpWarmup], [0.005, 9]);
    assert.deepEqual(
      [specOf('score').scoreClip, specOf('score-trades').scoreClip, specOf('score').optimizer?.learningRate],
      [0.4, 0.3, 0.05],
    );
    assert.deepEqual([specOf('fast').attack?.stepSize, specOf('fast').attack?.steps, specOf('fast').epochs], [10 / 255, 1, 15]);
    assert.deepEqual([specOf('trades-generated').extraFraction, specOf('trades-generated').emaDecay], [0.7, 0.995]);
  });

  it('keep milestones and warm-up in their place when the epochs change', () => {
    const scaled = scaleEpochs(specOf('trades-awp'), 20);
    assert.deepEqual([scaled.epochs, scaled.optimizer?.milestones, scaled.awpWarmup], [20, [10, 15], 1]);
    assert.deepEqual(scaleEpochs(specOf('pgd'), 1).optimizer?.milestones, []);
    assert.equal(scaleEpochs(specOf('pgd'), 110), specOf('pgd'));
  });
});
