import type { CleanForwards, CraftBatchNorm, Norm, PaddingMode, ScheduleKind, TrainMethod } from '@rift/contracts';
import { TRAINING_PRESETS, presetOfMethod, trainingPreset, type TrainingPreset } from '@rift/orchestrator/training-presets';
import type { Command } from 'commander';

import { usageError } from '../errors.js';
import { decimal, epsilon, fraction, integer } from '../parse/numbers.js';
import {
  CLEAN_FORWARDS,
  CRAFT_BATCH_NORM,
  METHODS,
  NORMS,
  PADDING_MODES,
  PREPROCESS,
  SCHEDULES,
  choose,
  wordsOf,
} from '../parse/vocabulary.js';
import type { TrainChoice } from '../plan/recipes.js';

/** Largest decay of a weight average that the trainer takes: at 1 it would stay where training began. */
const MOST_EMA = 0.999_999;

/** Options that say how to train. */
export interface TrainOptions {
  readonly method?: TrainMethod;
  readonly preset?: string;
  readonly preprocess?: string;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly lr?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly nesterov?: boolean;
  readonly schedule?: ScheduleKind;
  readonly milestones?: readonly number[];
  readonly gamma?: number;
  readonly pctStart?: number;
  readonly padding?: number;
  readonly paddingMode?: PaddingMode;
  readonly flip: boolean;
  readonly norm?: Norm;
  readonly eps?: number;
  readonly step?: number;
  readonly steps?: number;
  readonly startNoise?: number;
  readonly craftMode?: CraftBatchNorm;
  readonly cleanForwards?: CleanForwards;
  readonly beta?: number;
  readonly labelSmoothing?: number;
  readonly awpGamma?: number;
  readonly awpWarmup?: number;
  readonly scoreClip?: number;
  readonly scoreClipSecondTerm?: boolean;
  readonly ema?: number;
  readonly extraFraction?: number;
  readonly overfittingGuard?: number;
  readonly patience?: number;
}

/** Adds the options that say how to train; each overrides one choice of the preset. */
export function addTrainOptions(command: Command): Command {
  return command
    .option('--method <name>', `${Object.keys(METHODS).join(', ')} (default: pgd)`, (text) => choose(METHODS, text, '--method'))
    .option('--preset <name>', `published recipe, see "rift presets" (default: the method's): ${presetNames().join(', ')}`, (text) =>
      choose(wordsOf(presetNames()), text, '--preset'),
    )
    .option('--preprocess <name>', `${PREPROCESS.join(', ')}`, (text) => choose(wordsOf(PREPROCESS), text, '--preprocess'))
    .option('--epochs <n>', 'epochs; milestones move with them', integer('--epochs', { min: 1, max: 10_000 }))
    .option('--batch-size <n>', 'images per step', integer('--batch-size', { min: 1 }))
    .option('--lr <rate>', 'learning rate, the peak where it cycles', decimal('--lr', { above: 0 }))
    .option('--momentum <share>', 'momentum', decimal('--momentum', { min: 0, max: 1 }))
    .option('--weight-decay <rate>', 'weight decay', decimal('--weight-decay', { min: 0 }))
    .option('--nesterov', 'momentum in the form of Nesterov')
    .option('--no-nesterov', 'ordinary momentum')
    .option('--schedule <name>', Object.keys(SCHEDULES).join(', '), (text) => choose(SCHEDULES, text, '--schedule'))
    .option('--milestones <epochs>', 'epochs at which "step" multiplies the rate: 100,105', epochList)
    .option('--gamma <factor>', 'by how much', fraction('--gamma'))
    .option('--pct-start <share>', 'rising share of the cycle', fraction('--pct-start'))
    .option('--padding <pixels>', 'padding of the random crop; 0 crops nothing', integer('--padding', { min: 0, max: 32 }))
    .option('--padding-mode <name>', Object.keys(PADDING_MODES).join(', '), (text) => choose(PADDING_MODES, text, '--padding-mode'))
    .option('--no-flip', 'mirror no image')
    .option('--norm <norm>', 'linf, l2 or l1', (text) => choose(NORMS, text, '--norm'))
    .option('--eps <radius>', 'radius of the training attack, 8/255', epsilon('--eps'))
    .option('--step <size>', "its step (default: the preset's share of the radius)", decimal('--step', { above: 0 }))
    .option('--steps <n>', 'its steps', integer('--steps', { min: 1, max: 1000 }))
    .option('--start-noise <sigma>', 'start at Gaussian noise, 0.001; 0 starts in the ball', fraction('--start-noise'))
    .option('--craft-mode <name>', `batch norm while crafting: ${Object.keys(CRAFT_BATCH_NORM).join(', ')}`, (text) =>
      choose(CRAFT_BATCH_NORM, text, '--craft-mode'),
    )
    .option('--clean-forwards <name>', `tracked clean forwards: ${Object.keys(CLEAN_FORWARDS).join(', ')} the update`, (text) =>
      choose(CLEAN_FORWARDS, text, '--clean-forwards'),
    )
    .option('--beta <weight>', 'weight of the second loss term', decimal('--beta', { min: 0 }))
    .option('--label-smoothing <share>', 'share of the target spread over the classes', fraction('--label-smoothing'))
    .option('--awp-gamma <share>', 'size of the weight perturbation', fraction('--awp-gamma'))
    .option('--awp-warmup <epochs>', 'epochs without it', integer('--awp-warmup', { min: 0 }))
    .option('--score-clip <distance>', 'clip parameter of SCORE', fraction('--score-clip'))
    .option('--score-clip-second-term', 'clip the second term of score-trades alone')
    .option('--ema <decay>', 'moving average of the weights, 0.995', decimal('--ema', { min: 0, max: MOST_EMA }))
    .option('--extra-fraction <share>', 'share of every batch from the split "extra" (generated images)', fraction('--extra-fraction'))
    .option('--overfitting-guard <share>', 'end when PGD-5 accuracy falls by more, 0.2; 0 is off', fraction('--overfitting-guard'))
    .option('--patience <n>', 'end after so many epochs without improvement', integer('--patience', { min: 0 }));
}

/** Names of the presets. */
export function presetNames(): string[] {
  return TRAINING_PRESETS.map(({ name }) => name);
}

function epochList(text: string): number[] {
  const parse = integer('--milestones', { min: 1, max: 10_000 });
  const epochs = text.split(',').map((part) => parse(part.trim()));
  if (epochs.some((epoch, index) => index > 0 && epoch <= (epochs[index - 1] ?? 0))) {
    throw usageError(`--milestones ${text} must rise from one to the next.`);
  }
  return epochs;
}

/** The preset that the options name, or that their method stands for. @throws a usage error when they contradict each other */
export function presetOf({ preset: name, method }: TrainOptions): TrainingPreset {
  const preset = name === undefined ? presetOfMethod(method ?? 'TRAIN_METHOD_PGD') : trainingPreset(name);
  if (preset === undefined) throw usageError(`--preset ${String(name)} is not known.`);
  if (method !== undefined && method !== preset.spec.method) {
    throw usageError(`--preset ${preset.name} is of another method than --method says. Leave one of them out.`);
  }
  return preset;
}

/** What the options say, under the names of the recipe; what they leave open stays out. */
export function overrides(options: TrainOptions): Omit<TrainChoice, 'seed' | 'hasSelection' | 'arch' | 'width'> {
  const all = {
    preprocess: options.preprocess,
    epochs: options.epochs,
    batchSize: options.batchSize,
    learningRate: options.lr,
    momentum: options.momentum,
    weightDecay: options.weightDecay,
    nesterov: options.nesterov,
    schedule: options.schedule,
    milestones: options.milestones,
    gamma: options.gamma,
    pctStart: options.pctStart,
    padding: options.padding,
    paddingMode: options.paddingMode,
    flip: options.flip ? undefined : false,
    norm: options.norm,
    epsilon: options.eps,
    stepSize: options.step,
    steps: options.steps,
    startNoise: options.startNoise,
    craftBatchNorm: options.craftMode,
    cleanForwards: options.cleanForwards,
    beta: options.beta,
    labelSmoothing: options.labelSmoothing,
    awpGamma: options.awpGamma,
    awpWarmup: options.awpWarmup,
    scoreClip: options.scoreClip,
    scoreClipsSecondTerm: options.scoreClipSecondTerm,
    emaDecay: options.ema,
    extraFraction: options.extraFraction,
    overfittingGuard: options.overfittingGuard,
    patience: options.patience,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
