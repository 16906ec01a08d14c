import type { AttackSpec, OptimizerSpec, TrainMethod, TrainSpec } from '@rift/contracts';

import { completeAttack } from './attacks.js';

/** What a user may say about training; everything left out takes the method's published setting. */
export interface TrainChoice {
  readonly method: TrainMethod;
  readonly arch: string;
  /** Channels of the first stage. */
  readonly width: number;
  readonly preprocess: string;
  readonly classes: number;
  readonly seed: number;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  readonly beta?: number;
  readonly epsilon?: number;
  readonly stepSize?: number;
  readonly steps?: number;
  readonly emaDecay?: number;
  readonly labelSmoothing?: number;
  readonly patience?: number;
  /** Whether there is a held-out split to measure after each epoch. */
  readonly hasSelection: boolean;
}

/** Where a method differs from the plain recipe (Bag of Tricks: 110 epochs, rate 0.1 cut at 100 and 105). */
interface Recipe {
  readonly epochs: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Epochs at which the rate falls to a tenth, for the recipe's own number of epochs. */
  readonly milestones: readonly number[];
  readonly padding: 'PADDING_MODE_REFLECT' | 'PADDING_MODE_ZERO';
  readonly beta?: number;
  readonly awpGamma?: number;
  readonly awpWarmup?: number;
  readonly scoreClip?: number;
  readonly craftInTrainMode?: boolean;
  readonly trackCleanForward?: boolean;
}

const BASE: Recipe = {
  epochs: 110,
  learningRate: 0.1,
  weightDecay: 5e-4,
  milestones: [100, 105],
  padding: 'PADDING_MODE_REFLECT',
};

const RECIPES: Readonly<Record<TrainMethod, Recipe>> = {
  TRAIN_METHOD_UNSPECIFIED: BASE,
  // The reference code's clean forwards move the batch-norm statistics, hence its numbers.
  TRAIN_METHOD_PGD: { ...BASE, trackCleanForward: true },
  // Zhang et al. 2019, with the weight decay of Bag of Tricks.
  TRAIN_METHOD_TRADES: { ...BASE, padding: 'PADDING_MODE_ZERO', beta: 6 },
  // Wang et al. 2020, ResNet-18.
  TRAIN_METHOD_MART: {
    ...BASE,
    epochs: 120,
    learningRate: 0.01,
    weightDecay: 3.5e-3,
    milestones: [75, 90, 100],
    padding: 'PADDING_MODE_ZERO',
    beta: 5,
  },
  // Wu et al. 2020.
  TRAIN_METHOD_AWP: { ...BASE, epochs: 200, milestones: [100, 150], awpGamma: 0.01, craftInTrainMode: true, trackCleanForward: true },
  TRAIN_METHOD_TRADES_AWP: { ...BASE, epochs: 200, milestones: [100, 150], beta: 6, awpGamma: 0.005, awpWarmup: 10 },
  // Pang et al. 2022, without generated images.
  TRAIN_METHOD_SCORE: { ...BASE, learningRate: 0.05, padding: 'PADDING_MODE_ZERO', scoreClip: 0.4, craftInTrainMode: true },
  TRAIN_METHOD_SCORE_TRADES: { ...BASE, learningRate: 0.05, padding: 'PADDING_MODE_ZERO', beta: 6, scoreClip: 0.3 },
  // Wong et al. 2020: cyclic rate instead of milestones.
  TRAIN_METHOD_FAST: { ...BASE, epochs: 15, learningRate: 0.2, milestones: [], padding: 'PADDING_MODE_ZERO', craftInTrainMode: true },
  TRAIN_METHOD_STANDARD: BASE,
};

/** Accuracy under PGD-5 that fast training may lose from one epoch to the next before it is stopped (Wong et al. 2020). */
const OVERFITTING_GUARD = 0.2;
const BATCH_SIZE = 128;

/** The complete settings that a choice stands for; milestones scale with the number of epochs. */
export function completeTraining(choice: TrainChoice): TrainSpec {
  const recipe = RECIPES[choice.method];
  const isFast = choice.method === 'TRAIN_METHOD_FAST';
  const isStandard = choice.method === 'TRAIN_METHOD_STANDARD';
  const attack = isStandard ? null : craftingAttack(choice);
  const epochs = choice.epochs ?? recipe.epochs;
  return {
    method: choice.method,
    architecture: { arch: choice.arch, width: choice.width },
    preprocess: choice.preprocess,
    epochs,
    batchSize: choice.batchSize ?? BATCH_SIZE,
    optimizer: optimizer(choice, recipe, epochs),
    augment: { padding: 4, paddingMode: recipe.padding, flip: true },
    attack,
    beta: choice.beta ?? recipe.beta ?? 0,
    labelSmoothing: choice.labelSmoothing ?? 0,
    emaDecay: choice.emaDecay ?? 0,
    awpGamma: recipe.awpGamma ?? 0,
    awpWarmup: Math.min(recipe.awpWarmup ?? 0, Math.max(0, epochs - 1)),
    craftInTrainMode: recipe.craftInTrainMode ?? false,
    trackCleanForward: recipe.trackCleanForward ?? false,
    selectionAttack: choice.hasSelection && !isStandard ? selectionAttack(choice) : null,
    keepBest: choice.hasSelection,
    patience: choice.patience ?? 0,
    overfittingGuard: isFast ? OVERFITTING_GUARD : 0,
    scoreClip: recipe.scoreClip ?? 0,
    seed: choice.seed,
  };
}

function optimizer(choice: TrainChoice, recipe: Recipe, epochs: number): OptimizerSpec {
  const scaled = recipe.milestones.map((epoch) => Math.round((epoch / recipe.epochs) * epochs));
  const milestones = [...new Set(scaled)].filter((epoch) => epoch > 0 && epoch < epochs);
  return {
    learningRate: choice.learningRate ?? recipe.learningRate,
    momentum: choice.momentum ?? 0.9,
    weightDecay: choice.weightDecay ?? recipe.weightDecay,
    nesterov: false,
    schedule: recipe.milestones.length === 0 ? 'SCHEDULE_KIND_ONE_CYCLE' : 'SCHEDULE_KIND_STEP',
    milestones,
    gamma: 0.1,
    pctStart: recipe.milestones.length === 0 ? 0.5 : 0,
  };
}

function craftingAttack({ method, epsilon = 8 / 255, stepSize, steps, classes }: TrainChoice): AttackSpec {
  if (method === 'TRAIN_METHOD_FAST') {
    // One step of 1.25 times the radius from a random start.
    const step = stepSize ?? 1.25 * epsilon;
    return completeAttack({ kind: 'ATTACK_KIND_FGSM', epsilon, stepSize: step, randomStart: true, toTheEnd: true }, classes);
  }
  return pgd({ epsilon, stepSize, steps, toTheEnd: true }, classes);
}

function selectionAttack({ epsilon = 8 / 255, classes }: TrainChoice): AttackSpec {
  return pgd({ epsilon, stepSize: undefined, steps: undefined, toTheEnd: false }, classes);
}

function pgd(
  { epsilon, stepSize, steps, toTheEnd }: { epsilon: number; stepSize: number | undefined; steps: number | undefined; toTheEnd: boolean },
  classes: number,
): AttackSpec {
  return completeAttack(
    {
      kind: 'ATTACK_KIND_PGD',
      epsilon,
      restarts: 1,
      toTheEnd,
      ...(stepSize === undefined ? {} : { stepSize }),
      ...(steps === undefined ? {} : { steps }),
    },
    classes,
  );
}
