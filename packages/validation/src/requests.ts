import { type z } from 'zod';

import { craftSpec, corruptSpec, evaluateSpec } from './attack.js';
import { criticalitySpec } from './criticality.js';
import { compute, dataSelection, jobContext, networkRef } from './inputs.js';
import { between, digest, distinct, message } from './rules.js';
import { fineTuneSpec, trainSpec } from './training.js';

const context = jobContext.nullable();
const NEEDS_SELECTION = 'must be set where spec.keepBest is true: its images choose the epoch';

/** Requests of the jobs, by their names in the contracts. */
export const craftAdversarialSetRequest = message({ context, network: networkRef, data: dataSelection, spec: craftSpec, compute });

export const evaluateRequest = message({ context, network: networkRef, data: dataSelection, spec: evaluateSpec, compute });

export const corruptRequest = message({ context, data: dataSelection, spec: corruptSpec });

export const trainAdversariallyRequest = message({
  context,
  train: dataSelection,
  selection: dataSelection.nullable(),
  spec: trainSpec,
  initial: networkRef.nullable(),
  compute,
  extra: dataSelection.nullable(),
})
  .refine(({ spec, extra }) => (extra !== null) === spec.extraFraction > 0, {
    path: ['extra'],
    error: 'must be set where spec.extraFraction is greater than 0, and only there',
  })
  .refine(({ spec, selection }) => selection !== null || !spec.keepBest, { path: ['selection'], error: NEEDS_SELECTION })
  .refine(({ spec, selection }) => selection !== null || spec.patience === 0, {
    path: ['selection'],
    error: 'must be set where spec.patience is greater than 0: its images say when to stop',
  })
  .refine(({ spec, initial }) => initial !== null || spec.architecture !== null, {
    path: ['spec', 'architecture'],
    error: 'must be set where initial is not: there is no network to go on from',
  })
  .refine(({ spec, initial }) => initial !== null || spec.preprocess !== '', {
    path: ['spec', 'preprocess'],
    error: 'must be cifar10, cifar100, imagenet or none where initial is not set',
  });

export const measureCriticalityRequest = message({
  context,
  network: networkRef,
  adversarialSet: digest(),
  spec: criticalitySpec,
  compute,
});

export const fineTuneRequest = message({
  context,
  network: networkRef,
  train: dataSelection,
  selection: dataSelection.nullable(),
  spec: fineTuneSpec,
  compute,
}).refine(({ spec, selection }) => selection !== null || !spec.keepBest, { path: ['selection'], error: NEEDS_SELECTION });

export const interpolateRequest = message({
  context,
  fromDigest: digest(),
  toDigest: digest(),
  alphas: distinct(between(0, 1), 1000).refine((alphas) => alphas.length > 0, { error: 'must name at least one position' }),
});

/** What a checked request is. */
export type Checked<S extends z.ZodType> = z.output<S>;
