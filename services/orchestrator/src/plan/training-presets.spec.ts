import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { TrainMethod, type AttackSpec, type TrainSpec } from '@rift/contracts';
import { check, trainSpec } from '@rift/validation';

import { presetOfMethod, scaleEpochs, trainingPreset, TRAINING_PRESETS } from './training-presets.js';

const specOf = (name: string) => {
  const preset = trainingPreset(name);
  assert.ok(preset, name);
  return preset.spec;
};

type Attack = readonly [kind: string, radius: number, step: number, steps: number, noise?: number];

/** A preset in the words of the papers and of their code. */
interface Constants {
  /** Architecture and its width. */
  readonly network: string;
  readonly epochs: number;
  /** Batch, learning rate, weight decay. */
  readonly sgd: readonly [batch: number, rate: number, decay: number];
  /** Epochs, counted from 0, at which the rate falls to a tenth; or the form of the cycle and its rising share. */
  readonly rate: readonly number[] | readonly [schedule: string, rising: number];
  /** Attack that crafts: kind, radius, step, steps; with Gaussian noise at the start its size. */
  readonly crafting: Attack | null;
  /** Batch norm while crafting, and the clean forwards that the code makes beside those of the loss. */
  readonly modes: readonly [crafting: string, cleanForwards: string];
  /** Attack that judges an epoch. */
  readonly judging: Attack | null;
  readonly images: readonly [normalisation: string, padding: string];
  /** What is neither 0 nor false among the other numbers. */
  readonly more: Partial<TrainSpec>;
}

/** The fields that `more` tells. */
const MORE = [
  ...(['beta', 'labelSmoothing', 'awpGamma', 'awpWarmup', 'scoreClip', 'scoreClipsSecondTerm', 'emaDecay', 'emaWarmup'] as const),
  ...(['emaCopiesStatistics', 'extraFraction', 'decaySparesBatchNorm', 'overfittingGuard', 'patience'] as const),
];

function constantsOf(spec: TrainSpec): Constants {
  const { optimizer, augment, attack, selectionAttack, architecture } = spec;
  assert.ok(optimizer && augment && architecture);
  assert.deepEqual([optimizer.momentum, optimizer.gamma, augment.padding, augment.flip, spec.keepBest], [0.9, 0.1, 4, true, true]);
  assert.equal(optimizer.nesterov, optimizer.schedule === 'SCHEDULE_KIND_ONE_CYCLE_COSINE');
  const told = ({ kind, threatModel, stepSize, steps, restarts, randomStart }: AttackSpec): [string, number, number, number] => {
    assert.deepEqual([threatModel?.norm, restarts, randomStart], ['NORM_LINF', 1, true]);
    return [kind.replace('ATTACK_KIND_', ''), threatModel?.epsilon ?? -1, stepSize, steps];
  };
  const more = MORE.map((name) => [name, spec[name]] as const).filter(([, value]) => value !== 0 && value !== false);
  const { schedule, milestones, pctStart } = optimizer;
  return {
    network: `${architecture.arch}, ${architecture.width}`,
    epochs: spec.epochs,
    sgd: [spec.batchSize, optimizer.learningRate, optimizer.weightDecay],
    rate: schedule === 'SCHEDULE_KIND_STEP' ? milestones : [schedule.replace('SCHEDULE_KIND_', ''), pctStart],
    crafting: attack && (spec.startNoise > 0 ? [...told(attack), spec.startNoise] : told(attack)),
    modes: [spec.craftBatchNorm.replace('CRAFT_BATCH_NORM_', ''), spec.cleanForwards.replace('CLEAN_FORWARDS_', '')],
    judging: selectionAttack && told(selectionAttack),
    images: [spec.preprocess, augment.paddingMode.replace('PADDING_MODE_', '')],
    more: Object.fromEntries(more),
  };
}

const PGD10 = ['PGD', 8 / 255, 2 / 255, 10] as const;
const PGD20 = ['PGD', 8 / 255, 2 / 255, 20] as const;
const REFLECT = ['cifar10', 'REFLECT'] as const;
const ZERO = ['cifar10', 'ZERO'] as const;
const RAW = ['none', 'ZERO'] as const;
const TRADES_STEPS = { crafting: ['PGD', 0.031, 0.007, 10, 0.001], judging: ['PGD', 0.031, 0.003, 20], images: RAW } as const;
const GENERATED: Omit<Constants, 'more'> = {
  ...{ network: 'wrn-28-10-silu, 16', epochs: 400, sgd: [512, 0.2, 5e-4], rate: ['ONE_CYCLE_COSINE', 0.025] },
  ...{ crafting: PGD10, modes: ['TRAIN_UNTRACKED', 'NONE'], judging: ['CW', 8 / 255, 2 / 255, 40], images: ZERO },
};
const AVERAGE = { emaDecay: 0.995, emaWarmup: 0.025, emaCopiesStatistics: true, extraFraction: 0.7, decaySparesBatchNorm: true };

/**
 * By preset, from the papers and the repositories that each preset names. Two choices are not published: how `trades-tuned` crafts and forwards beside
 * TRADES itself, and PGD-10 as the judge of `score`, whose code takes the lower of two attacks.
 */
const PUBLISHED: Readonly<Record<string, Constants>> = {
  pgd: {
    ...{ network: 'resnet18, 64', epochs: 110, sgd: [128, 0.1, 5e-4], rate: [100, 105] },
    ...{ crafting: PGD10, modes: ['EVAL', 'BEFORE_AND_AFTER_UPDATE'], judging: PGD10, images: REFLECT, more: {} },
  },
  rice: {
    ...{ network: 'preact-resnet18, 64', epochs: 200, sgd: [128, 0.1, 5e-4], rate: [100, 150] },
    ...{ crafting: PGD10, modes: ['TRAIN', 'AFTER_UPDATE'], judging: PGD10, images: REFLECT, more: {} },
  },
  fast: {
    ...{ network: 'preact-resnet18, 64', epochs: 15, sgd: [128, 0.2, 5e-4], rate: ['ONE_CYCLE', 0.5] },
    ...{
      crafting: ['FGSM', 8 / 255, 10 / 255, 1],
      modes: ['TRAIN', 'NONE'],
      judging: PGD10,
      images: ZERO,
      more: { overfittingGuard: 0.2 },
    },
  },
  trades: {
    ...{ network: 'wrn-34-10, 16', epochs: 76, sgd: [128, 0.1, 2e-4], rate: [74], ...TRADES_STEPS },
    ...{ modes: ['EVAL', 'BEFORE_UPDATE'], more: { beta: 6 } },
  },
  'trades-tuned': {
    ...{ network: 'wrn-34-10, 16', epochs: 110, sgd: [128, 0.1, 5e-4], rate: [100, 105] },
    ...{ crafting: [...PGD10, 0.001], modes: ['EVAL', 'NONE'], judging: PGD10, images: REFLECT, more: { beta: 6 } },
  },
  mart: {
    ...{ network: 'resnet18, 64', epochs: 120, sgd: [128, 0.01, 3.5e-3], rate: [74, 89, 99], ...TRADES_STEPS },
    ...{ modes: ['EVAL', 'NONE'], more: { beta: 5 } },
  },
  'mart-wrn': {
    ...{ network: 'wrn-34-10, 16', epochs: 90, sgd: [128, 0.1, 7e-4], rate: [74, 89], ...TRADES_STEPS },
    ...{ modes: ['EVAL', 'NONE'], more: { beta: 6 } },
  },
  awp: {
    ...{ network: 'preact-resnet18, 64', epochs: 200, sgd: [128, 0.1, 5e-4], rate: [100, 150] },
    ...{ crafting: PGD10, modes: ['TRAIN', 'AFTER_UPDATE'], judging: PGD20, images: REFLECT, more: { awpGamma: 0.01 } },
  },
  'trades-awp': {
    ...{ network: 'wrn-34-10, 16', epochs: 200, sgd: [128, 0.1, 5e-4], rate: [99, 149] },
    ...{ crafting: [...PGD10, 0.001], modes: ['EVAL', 'BEFORE_UPDATE'], judging: PGD20, images: RAW },
    more: { beta: 6, awpGamma: 0.005, awpWarmup: 9 },
  },
  score: {
    ...{ network: 'preact-resnet18, 64', epochs: 110, sgd: [128, 0.05, 5e-4], rate: [100, 105] },
    ...{ crafting: PGD10, modes: ['TRAIN', 'NONE'], judging: PGD10, images: ZERO, more: { scoreClip: 0.4 } },
  },
  'score-trades': {
    ...{ network: 'preact-resnet18, 64', epochs: 110, sgd: [128, 0.05, 5e-4], rate: [100, 105] },
    ...{ crafting: [...PGD10, 0.001], modes: ['EVAL', 'NONE'], judging: PGD10, images: ZERO, more: { beta: 6, scoreClip: 0.3 } },
  },
  'score-generated': { ...GENERATED, more: { ...AVERAGE, beta: 4 } },
  'trades-generated': { ...GENERATED, more: { ...AVERAGE, beta: 5, labelSmoothing: 0.1 } },
  standard: {
    ...{ network: 'resnet18, 64', epochs: 110, sgd: [128, 0.1, 5e-4], rate: [100, 105] },
    ...{ crafting: null, modes: ['EVAL', 'NONE'], judging: null, images: REFLECT, more: {} },
  },
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

  for (const { name, spec } of TRAINING_PRESETS) {
    it(`hold the published constants: ${name}`, () => assert.deepEqual(constantsOf(spec), PUBLISHED[name]));
  }

  it('keep milestones and warm-up in their place when the epochs change', () => {
    const scaled = scaleEpochs(specOf('trades-awp'), 20);
    assert.deepEqual([scaled.epochs, scaled.optimizer?.milestones, scaled.awpWarmup], [20, [10, 15], 1]);
    assert.deepEqual(scaleEpochs(specOf('pgd'), 1).optimizer?.milestones, []);
    assert.equal(scaleEpochs(specOf('pgd'), 110), specOf('pgd'));
  });
});
