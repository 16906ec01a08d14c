import { BatchNormMode, FineTuneScope, PaddingMode, ScheduleKind, TrainMethod } from '@rift/contracts';

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

/** Adversarial training. */
export const trainSpec = message({
  method: oneOf(TrainMethod),
  architecture: architectureSpec.nullable(),
  preprocess: text(/^(|cifar10|cifar100|imagenet|none)$/, 'must be cifar10, cifar100, imagenet or none'),
  epochs: epochs(),
  batchSize: batchSize(),
  optimizer: optimizerSpec,
  augment: augmentSpec,
  attack: attackSpec,
  beta: atLeastZero(),
  labelSmoothing: between(0, 1),
  emaDecay: between(0, 0.999_999),
  awpGamma: between(0, 1),
  awpWarmup: uint32(),
  craftInTrainMode: flag(),
  trackCleanForward: flag(),
  selectionAttack: attackSpec.nullable(),
  keepBest: flag(),
  patience: uint32(),
  overfittingGuard: between(0, 1),
  scoreClip: between(0, 1),
  seed: uint32(),
});
