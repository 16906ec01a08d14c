// The settings of adversarial training in every measurement, as the contracts write them.
import { readFileSync } from 'node:fs';

import { EPSILON, STEP, attack } from './attack.mjs';

const SAMPLE = new URL('../../samples/training/phase-1.json', import.meta.url);

/** Those of the measured epoch, for both sides. */
export const EPOCH = { learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4, epsilon: EPSILON, stepSize: STEP, steps: 10, batchSize: 128 };

/** @returns a request of the job `train` that trains from initial weights on `train`, and judges nothing on the way. */
export const trainRequest = (spec, { train, compute, output }) => ({
  ...{ train, spec, compute, output },
  ...{ selection: null, initial: null, checkpoint: null },
});

/** @returns a TrainSpec of one epoch: the sample's, less what a plain loop in PyTorch does not do. */
export function trainSpec(architecture, { learningRate, momentum, weightDecay, epsilon, stepSize, steps, batchSize }) {
  const crafting = attack({ epsilon, stepSize, steps });
  return {
    ...JSON.parse(readFileSync(SAMPLE, 'utf8')),
    architecture,
    epochs: 1,
    batchSize,
    optimizer: {
      learningRate,
      momentum,
      weightDecay,
      nesterov: false,
      schedule: 'SCHEDULE_KIND_CONSTANT',
      milestones: [],
      gamma: 0.1,
      pctStart: 0,
    },
    augment: { padding: 4, paddingMode: 'PADDING_MODE_ZERO', flip: true },
    emaDecay: 0,
    keepBest: false,
    attack: crafting,
    selectionAttack: crafting,
  };
}
