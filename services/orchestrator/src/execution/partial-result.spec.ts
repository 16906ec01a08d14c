import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Progress } from '@rift/contracts';
import { outcomeOf } from '../testing/messages.js';
import { partialCriticality, partialEpochs, partialPath } from './partial-result.js';

const batches = (done: number, metrics: Record<string, number>): Progress => ({
  phase: '',
  done,
  total: 20,
  unit: 'batches',
  metrics,
  elapsedSeconds: done,
  remainingSeconds: 0,
});

describe('what a stage knows before its end', () => {
  it('is nothing at first', () => {
    assert.equal(partialCriticality().current(), undefined);
    assert.equal(partialPath([0, 1]).current(), undefined);
    assert.equal(partialEpochs(2, 'train').current(), undefined);
  });

  it('is the modules measured so far, by rising criticality', () => {
    const partial = partialCriticality();
    for (const [name, mrc] of [['b', 2] as const, ['a', 1] as const]) {
      const rest = { robustAccuracyDrop: 0, perturbationRatio: 0, firstOrder: 0, standardError: 0, seconds: 1, nanEpochs: 0 };
      partial.take?.(0, {
        baseLoss: 1,
        baseAccuracy: 0.5,
        modules: [{ name, mrc, modules: [name], seedMrcs: [], ...rest }],
        estimates: [],
        stability: null,
        greedy: [],
      });
    }
    assert.deepEqual(
      partial.current()?.criticality?.modules.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('is the points measured so far in the order of the line, without outcomes of single images', () => {
    const partial = partialPath([0, 0.5, 1]);
    const result = {
      standard: outcomeOf([1, 0, 1]),
      attacks: [],
      corruptions: [],
      gallery: [],
      confusion: [],
      diagnostics: null,
      notes: [],
    };
    partial.take?.(2, result);
    partial.take?.(0, result);
    const points = partial.current()?.interpolate?.points ?? [];
    assert.deepEqual(
      points.map(({ alpha, standard }) => [alpha, standard?.correct, standard?.total, standard?.perImage.length]),
      [
        [0, 2, 3, 0],
        [1, 2, 3, 0],
      ],
    );
    const refined = partialPath([0.25], points);
    refined.take?.(0, result);
    assert.deepEqual(
      refined.current()?.interpolate?.points.map(({ alpha }) => alpha),
      [0, 0.25, 1],
      'a refinement goes on with what was measured before it',
    );
  });

  it('is the epochs so far: the figures of the batches, and of the selection images once they are measured', () => {
    const partial = partialEpochs(2, 'fineTune');
    partial.observe?.(0, batches(5, { loss: 0.9, accuracy: 0.5, learningRate: 0.1 }));
    partial.observe?.(0, batches(10, { loss: 0.8, accuracy: 0.6, learningRate: 0.1 }));
    partial.observe?.(0, batches(11, { loss: 0.7, accuracy: 0.7, learningRate: 0.01, selectionStandard: 0.65, selectionAdversarial: 0.4 }));
    const epochs = partial.current()?.fineTune?.epochs ?? [];
    assert.deepEqual(
      epochs.map(({ epoch, loss, selectionStandard, selectionAdversarial }) => [epoch, loss, selectionStandard, selectionAdversarial]),
      [
        [1, 0.8, 0.65, 0.4],
        [2, 0.7, -1, -1],
      ],
    );
  });
});
