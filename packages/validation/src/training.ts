import {
  AttackKind,
  BatchNormMode,
  CleanForwards,
  CraftBatchNorm,
  FineTuneScope,
  PaddingMode,
  ScheduleKind,
  TrainMethod,
} from '@rift/contracts';

import { attackSpec } from './attack.js';
import {
  architecture,
  atLeastZero,
  between,
  count,
  distinct,
  flag,
  list,
  message,
  moduleName,
  oneOf,
  oneOfOrUnset,
  positive,
  text,
  uint32,
} from './rules.js';

/** Stochastic gradient descent. */
export const optimizerSpec = message({
  learningRate: positive(),
  momentum: between(0, 1),
  weightDecay: atLeastZero(),
  nesterov: flag(),
  schedule: oneOf(ScheduleKind),
  milestones: list(count(1, 10_000), 1000),
  gamma: between(0, 1),
  pctStart: between(0, 1),
})
  .refine(({ nesterov, momentum }) => !nesterov || momentum > 0, {
    path: ['momentum'],
    error: 'must be greater than 0 with nesterov',
  })
  .refine(({ milestones }) => milestones.every((epoch, index) => index === 0 || epoch > (milestones[index - 1] ?? 0)), {
    path: ['milestones'],
    error: 'must rise from one to the next',
  });

/** Random crop and flip. */
export const augmentSpec = message({ padding: count(0, 32), paddingMode: oneOf(PaddingMode), flip: flag() });

const epochs = () => count(1, 10_000);
const batchSize = () => count(1, 65_536);

/** Fine-tuning; an unset scope is MODULES, as the contract says. */
export const fineTuneSpec = message({
  scope: oneOfOrUnset(FineTuneScope).transform((scope) =>
    scope === FineTuneScope.FINE_TUNE_SCOPE_UNSPECIFIED ? FineTuneScope.FINE_TUNE_SCOPE_MODULES : scope,
  ),
  modules: distinct(moduleName(), 10_000),
  epochs: epochs(),
  batchSize: batchSize(),
  optimizer: optimizerSpec,
  augment: augmentSpec,
  batchNorm: oneOf(BatchNormMode),
  keepBest: flag(),
  trustRegion: atLeastZero(),
  seed: uint32(),
})
  .refine(({ scope, modules }) => scope !== FineTuneScope.FINE_TUNE_SCOPE_MODULES || modules.length > 0, {
    path: ['modules'],
    error: 'must name at least one module when scope is FINE_TUNE_SCOPE_MODULES',
  })
  .refine(({ scope, modules }) => scope === FineTuneScope.FINE_TUNE_SCOPE_MODULES || modules.length === 0, {
    path: ['modules'],
    error: 'must be empty unless scope is FINE_TUNE_SCOPE_MODULES',
  });

/** A new network to train. */
export const architectureSpec = message({ arch: architecture(), width: count(1, 1024) });

/** What crafts training images: a single run of PGD, or one step of FGSM. */
const craftingAttack = attackSpec
  .refine(({ kind }) => kind === AttackKind.ATTACK_KIND_PGD || kind === AttackKind.ATTACK_KIND_FGSM, {
    path: ['kind'],
    error: 'must be ATTACK_KIND_PGD or ATTACK_KIND_FGSM in training',
  })
  .refine(({ kind, steps }) => kind !== AttackKind.ATTACK_KIND_FGSM || steps === 1, { path: ['steps'], error: 'must be 1 for FGSM' })
  .refine(({ restarts }) => restarts === 1, { path: ['restarts'], error: 'must be 1 in training' });

/** Adversarial training; unset batch norm while crafting is EVAL and unset clean forwards are NONE, as the contract says. */
export const trainSpec = message({
  method: oneOf(TrainMethod),
  architecture: architectureSpec.nullable(),
  preprocess: text(/^(|cifar10|cifar100|imagenet|none)$/, 'must be cifar10, cifar100, imagenet or none'),
  epochs: epochs(),
  batchSize: batchSize(),
  optimizer: optimizerSpec,
  augment: augmentSpec,
  attack: craftingAttack.nullable(),
  beta: atLeastZero(),
  labelSmoothing: between(0, 1),
  emaDecay: between(0, 0.999_999),
  awpGamma: between(0, 1),
  awpWarmup: uint32(),
  selectionAttack: attackSpec.nullable(),
  keepBest: flag(),
  patience: uint32(),
  overfittingGuard: between(0, 1),
  scoreClip: between(0, 1),
  seed: uint32(),
  craftBatchNorm: oneOfOrUnset(CraftBatchNorm).transform((mode) =>
    mode === CraftBatchNorm.CRAFT_BATCH_NORM_UNSPECIFIED ? CraftBatchNorm.CRAFT_BATCH_NORM_EVAL : mode,
  ),
  cleanForwards: oneOfOrUnset(CleanForwards).transform((choice) =>
    choice === CleanForwards.CLEAN_FORWARDS_UNSPECIFIED ? CleanForwards.CLEAN_FORWARDS_NONE : choice,
  ),
  startNoise: between(0, 1),
  emaWarmup: between(0, 1),
  emaCopiesStatistics: flag(),
  extraFraction: between(0, 1),
  decaySparesBatchNorm: flag(),
  scoreClipsSecondTerm: flag(),
})
  .refine(({ method, attack }) => method === TrainMethod.TRAIN_METHOD_STANDARD || attack !== null, {
    path: ['attack'],
    error: 'must be set unless method is TRAIN_METHOD_STANDARD',
  })
  .refine(({ method, overfittingGuard }) => method !== TrainMethod.TRAIN_METHOD_STANDARD || overfittingGuard === 0, {
    path: ['overfittingGuard'],
    error: 'must be 0 for TRAIN_METHOD_STANDARD, which crafts no images',
  })
  .refine(({ method, labelSmoothing }) => method !== TrainMethod.TRAIN_METHOD_MART || labelSmoothing === 0, {
    path: ['labelSmoothing'],
    error: 'must be 0 for TRAIN_METHOD_MART',
  });
