import type { AttackSpec, OptimizerSpec, TrainMethod, TrainSpec } from '@rift/contracts';

/** A published recipe of adversarial training, complete but for the seed. */
export interface TrainingPreset {
  /** Name by which it is asked for. */
  readonly name: string;
  /** What it is, in one line. */
  readonly summary: string;
  /** Paper and code that the choices were taken from; what the code does wins where they differ. */
  readonly source: string;
  readonly spec: TrainSpec;
}

const PIXEL = 1 / 255;

function pgd(epsilon: number, stepSize: number, steps: number, toTheEnd = true): AttackSpec {
  return {
    kind: 'ATTACK_KIND_PGD',
    threatModel: { norm: 'NORM_LINF', epsilon },
    stepSize,
    steps,
    restarts: 1,
    randomStart: true,
    targets: 0,
    toTheEnd,
  };
}

/** Epochs count from 0: a code that counts from 1 and drops "from epoch 75 on" has its milestone at 74. */
function stepwise(learningRate: number, weightDecay: number, milestones: readonly number[]): OptimizerSpec {
  return {
    learningRate,
    momentum: 0.9,
    weightDecay,
    nesterov: false,
    schedule: 'SCHEDULE_KIND_STEP',
    milestones: [...milestones],
    gamma: 0.1,
    pctStart: 0,
  };
}

const RESNET18 = { arch: 'resnet18', width: 64 };
const PREACT_RESNET18 = { arch: 'preact-resnet18', width: 64 };
const WRN_34_10 = { arch: 'wrn-34-10', width: 16 };
const WRN_28_10_SILU = { arch: 'wrn-28-10-silu', width: 16 };

/** The recipe of the RiFT paper's base networks, from which the others differ: PGD-10 within 8/255, steps of 2/255. */
const BASE: TrainSpec = {
  method: 'TRAIN_METHOD_PGD',
  architecture: RESNET18,
  preprocess: 'cifar10',
  epochs: 110,
  batchSize: 128,
  optimizer: stepwise(0.1, 5e-4, [100, 105]),
  augment: { padding: 4, paddingMode: 'PADDING_MODE_REFLECT', flip: true },
  attack: pgd(8 * PIXEL, 2 * PIXEL, 10),
  beta: 0,
  labelSmoothing: 0,
  emaDecay: 0,
  awpGamma: 0,
  awpWarmup: 0,
  selectionAttack: pgd(8 * PIXEL, 2 * PIXEL, 10, false),
  keepBest: true,
  patience: 0,
  overfittingGuard: 0,
  scoreClip: 0,
  seed: 0,
  craftBatchNorm: 'CRAFT_BATCH_NORM_EVAL',
  cleanForwards: 'CLEAN_FORWARDS_NONE',
  startNoise: 0,
  emaWarmup: 0,
  emaCopiesStatistics: false,
  extraFraction: 0,
  decaySparesBatchNorm: false,
  scoreClipsSecondTerm: false,
};

const ZERO_PADDING: TrainSpec['augment'] = { padding: 4, paddingMode: 'PADDING_MODE_ZERO', flip: true };

/** TRADES and MART: radius 0.031, Gaussian start, pixels as they are, judged by PGD-20 with steps of 0.003. */
const ZHANG: TrainSpec = {
  ...BASE,
  preprocess: 'none',
  augment: ZERO_PADDING,
  attack: pgd(0.031, 0.007, 10),
  startNoise: 0.001,
  selectionAttack: pgd(0.031, 0.003, 20, false),
};

/** A million generated images beside the real ones, weight average, one cycle of cosines. */
const GENERATED: TrainSpec = {
  ...BASE,
  architecture: WRN_28_10_SILU,
  epochs: 400,
  batchSize: 512,
  optimizer: {
    learningRate: 0.2,
    momentum: 0.9,
    weightDecay: 5e-4,
    nesterov: true,
    schedule: 'SCHEDULE_KIND_ONE_CYCLE_COSINE',
    milestones: [],
    gamma: 0.1,
    pctStart: 0.025,
  },
  augment: ZERO_PADDING,
  emaDecay: 0.995,
  emaWarmup: 0.025,
  emaCopiesStatistics: true,
  extraFraction: 0.7,
  decaySparesBatchNorm: true,
  craftBatchNorm: 'CRAFT_BATCH_NORM_TRAIN_UNTRACKED',
  selectionAttack: { ...pgd(8 * PIXEL, 2 * PIXEL, 40, false), kind: 'ATTACK_KIND_CW' },
};

/** Every preset by the words a user types. */
export const TRAINING_PRESETS: readonly TrainingPreset[] = [
  {
    name: 'pgd',
    summary: 'PGD adversarial training of the RiFT paper: ResNet-18, 110 epochs, batch norm in evaluation mode while crafting',
    source: 'RiFT (ICCV 2023) section 5.1; Pang et al., Bag of Tricks for Adversarial Training (ICLR 2021), P2333/Bag-of-Tricks-for-AT',
    spec: { ...BASE, cleanForwards: 'CLEAN_FORWARDS_BEFORE_AND_AFTER_UPDATE' },
  },
  {
    name: 'rice',
    summary: 'PGD adversarial training with early stopping: PreAct-ResNet-18, 200 epochs, batch norm in train mode while crafting',
    source: 'Rice et al., Overfitting in Adversarially Robust Deep Learning (ICML 2020), locuslab/robust_overfitting',
    spec: {
      ...BASE,
      architecture: PREACT_RESNET18,
      epochs: 200,
      optimizer: stepwise(0.1, 5e-4, [100, 150]),
      craftBatchNorm: 'CRAFT_BATCH_NORM_TRAIN',
      cleanForwards: 'CLEAN_FORWARDS_AFTER_UPDATE',
    },
  },
  {
    name: 'fast',
    summary:
      'one-step training: FGSM of 10/255 from a random start, 15 epochs, cyclic rate; with the overfitting guard, which the code has off',
    source: 'Wong et al., Fast is Better than Free (ICLR 2020), locuslab/fast_adversarial',
    spec: {
      ...BASE,
      method: 'TRAIN_METHOD_FAST',
      architecture: PREACT_RESNET18,
      epochs: 15,
      optimizer: { ...stepwise(0.2, 5e-4, []), schedule: 'SCHEDULE_KIND_ONE_CYCLE', pctStart: 0.5 },
      augment: ZERO_PADDING,
      attack: { ...pgd(8 * PIXEL, 10 * PIXEL, 1), kind: 'ATTACK_KIND_FGSM' },
      craftBatchNorm: 'CRAFT_BATCH_NORM_TRAIN',
      overfittingGuard: 0.2,
    },
  },
  {
    name: 'trades',
    summary: 'TRADES, beta 6: WRN-34-10, 76 epochs, radius 0.031',
    source: 'Zhang et al., Theoretically Principled Trade-off between Robustness and Accuracy (ICML 2019), yaodongyu/TRADES',
    spec: {
      ...ZHANG,
      method: 'TRAIN_METHOD_TRADES',
      architecture: WRN_34_10,
      epochs: 76,
      optimizer: stepwise(0.1, 2e-4, [74]),
      beta: 6,
      cleanForwards: 'CLEAN_FORWARDS_BEFORE_UPDATE',
    },
  },
  {
    name: 'trades-tuned',
    summary: 'TRADES, beta 6, with weight decay 5e-4 and 110 epochs: WRN-34-10, radius 8/255',
    source: 'Pang et al., Bag of Tricks for Adversarial Training (ICLR 2021), P2333/Bag-of-Tricks-for-AT',
    spec: { ...BASE, method: 'TRAIN_METHOD_TRADES', architecture: WRN_34_10, beta: 6, startNoise: 0.001 },
  },
  {
    name: 'mart',
    summary: 'MART, beta 5: ResNet-18, 120 epochs, radius 0.031',
    source: 'Wang et al., Improving Adversarial Robustness Requires Revisiting Misclassified Examples (ICLR 2020), YisenWang/MART',
    spec: {
      ...ZHANG,
      method: 'TRAIN_METHOD_MART',
      epochs: 120,
      optimizer: stepwise(0.01, 3.5e-3, [74, 89, 99]),
      beta: 5,
    },
  },
  {
    name: 'mart-wrn',
    summary: 'MART, beta 6: WRN-34-10, 90 epochs, radius 0.031',
    source: 'Wang et al. (ICLR 2020), YisenWang/MART',
    spec: {
      ...ZHANG,
      method: 'TRAIN_METHOD_MART',
      architecture: WRN_34_10,
      epochs: 90,
      optimizer: stepwise(0.1, 7e-4, [74, 89]),
      beta: 6,
    },
  },
  {
    name: 'awp',
    summary: 'PGD adversarial training with weight perturbation 0.01: PreAct-ResNet-18, 200 epochs',
    source: 'Wu et al., Adversarial Weight Perturbation Helps Robust Generalization (NeurIPS 2020), csdongxian/AWP (AT_AWP)',
    spec: {
      ...BASE,
      method: 'TRAIN_METHOD_AWP',
      architecture: PREACT_RESNET18,
      epochs: 200,
      optimizer: stepwise(0.1, 5e-4, [100, 150]),
      awpGamma: 0.01,
      craftBatchNorm: 'CRAFT_BATCH_NORM_TRAIN',
      cleanForwards: 'CLEAN_FORWARDS_AFTER_UPDATE',
      selectionAttack: pgd(8 * PIXEL, 2 * PIXEL, 20, false),
    },
  },
  {
    name: 'trades-awp',
    summary: 'TRADES, beta 6, with weight perturbation 0.005 from the tenth epoch: WRN-34-10, 200 epochs',
    source: 'Wu et al. (NeurIPS 2020), csdongxian/AWP (trades_AWP)',
    spec: {
      ...ZHANG,
      method: 'TRAIN_METHOD_TRADES_AWP',
      architecture: WRN_34_10,
      epochs: 200,
      optimizer: stepwise(0.1, 5e-4, [99, 149]),
      attack: pgd(8 * PIXEL, 2 * PIXEL, 10),
      beta: 6,
      awpGamma: 0.005,
      awpWarmup: 9,
      cleanForwards: 'CLEAN_FORWARDS_BEFORE_UPDATE',
      selectionAttack: pgd(8 * PIXEL, 2 * PIXEL, 20, false),
    },
  },
  {
    name: 'score',
    summary: 'SCORE, squared error in its PGD form, clip 0.4: PreAct-ResNet-18, 110 epochs',
    source: 'Pang et al., Robustness and Accuracy Could Be Reconcilable by (Proper) Definition (ICML 2022), P2333/SCORE',
    spec: {
      ...BASE,
      method: 'TRAIN_METHOD_SCORE',
      architecture: PREACT_RESNET18,
      optimizer: stepwise(0.05, 5e-4, [100, 105]),
      augment: ZERO_PADDING,
      scoreClip: 0.4,
      craftBatchNorm: 'CRAFT_BATCH_NORM_TRAIN',
    },
  },
  {
    name: 'score-trades',
    summary: 'SCORE, squared error in its TRADES form, beta 6, clip 0.3: PreAct-ResNet-18, 110 epochs',
    source: 'Pang et al. (ICML 2022), P2333/SCORE',
    spec: {
      ...BASE,
      method: 'TRAIN_METHOD_SCORE_TRADES',
      architecture: PREACT_RESNET18,
      optimizer: stepwise(0.05, 5e-4, [100, 105]),
      augment: ZERO_PADDING,
      beta: 6,
      scoreClip: 0.3,
      startNoise: 0.001,
    },
  },
  {
    name: 'score-generated',
    summary: 'SCORE in its TRADES form, beta 4, on 70 % generated images: WRN-28-10 with SiLU, 400 epochs',
    source: 'Pang et al. (ICML 2022), P2333/SCORE, with 1M images of a diffusion model (split "extra")',
    spec: { ...GENERATED, method: 'TRAIN_METHOD_SCORE_TRADES', beta: 4 },
  },
  {
    name: 'trades-generated',
    summary: 'TRADES, beta 5, label smoothing 0.1, on 70 % generated images: WRN-28-10 with SiLU, 400 epochs',
    source:
      'Wang et al., Better Diffusion Models Further Improve Adversarial Training (ICML 2023), wzekai99/DM-Improves-AT (split "extra")',
    spec: { ...GENERATED, method: 'TRAIN_METHOD_TRADES', beta: 5, labelSmoothing: 0.1 },
  },
  {
    name: 'standard',
    summary: 'clean images only, with the schedule of preset pgd: ResNet-18, 110 epochs',
    source: 'this project, for comparison',
    spec: { ...BASE, method: 'TRAIN_METHOD_STANDARD', attack: null, selectionAttack: null },
  },
];

/** Preset that a method stands for where none is named. */
const OF_METHOD: Readonly<Record<TrainMethod, string>> = {
  TRAIN_METHOD_UNSPECIFIED: 'pgd',
  TRAIN_METHOD_PGD: 'pgd',
  TRAIN_METHOD_FAST: 'fast',
  TRAIN_METHOD_TRADES: 'trades',
  TRAIN_METHOD_MART: 'mart',
  TRAIN_METHOD_AWP: 'awp',
  TRAIN_METHOD_TRADES_AWP: 'trades-awp',
  TRAIN_METHOD_SCORE: 'score',
  TRAIN_METHOD_SCORE_TRADES: 'score-trades',
  TRAIN_METHOD_STANDARD: 'standard',
};

/** The preset of a name; undefined when there is none. */
export function trainingPreset(name: string): TrainingPreset | undefined {
  return TRAINING_PRESETS.find((preset) => preset.name === name);
}

/** The preset that a method stands for. */
export function presetOfMethod(method: TrainMethod): TrainingPreset {
  const preset = trainingPreset(OF_METHOD[method]);
  if (!preset) throw new Error(`There is no preset for ${method}.`);
  return preset;
}

/** Settings with another number of epochs: milestones and the warm-up of the weight perturbation keep their place in the whole. */
export function scaleEpochs(spec: TrainSpec, epochs: number): TrainSpec {
  if (epochs === spec.epochs) return spec;
  const share = epochs / spec.epochs;
  const milestones = [...new Set((spec.optimizer?.milestones ?? []).map((epoch) => Math.round(epoch * share)))];
  return {
    ...spec,
    epochs,
    optimizer: spec.optimizer && { ...spec.optimizer, milestones: milestones.filter((epoch) => epoch > 0 && epoch < epochs) },
    awpWarmup: Math.round(spec.awpWarmup * share),
  };
}
