import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { InvalidArgument } from '@rift/service-kit/client';
import type { z } from 'zod';

import * as validation from './index.js';

const DIGEST = 'ab'.repeat(32);
const attack = {
  kind: 'ATTACK_KIND_PGD',
  threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 },
  stepSize: 2 / 255,
  steps: 10,
  restarts: 3,
  randomStart: true,
  targets: 9,
  toTheEnd: false,
};
const compute = { device: 'auto', precision: 'PRECISION_AUTO', batchSize: 0, threads: 0, plain: false, memoryMib: 0 };
const context = { runId: 'r-1', stageId: 'craft', workKey: 'k'.repeat(64), attempt: 1 };
const network = { digest: DIGEST, blend: { toDigest: DIGEST, alpha: 0.5 } };
const data = { splitDigest: DIGEST, offset: 0, limit: 100 };
const optimizer = {
  learningRate: 0.1,
  momentum: 0.9,
  weightDecay: 5e-4,
  nesterov: false,
  schedule: 'SCHEDULE_KIND_STEP',
  milestones: [5, 8],
  gamma: 0.1,
  pctStart: 0.3,
};
const augment = { padding: 4, paddingMode: 'PADDING_MODE_REFLECT', flip: true };
const evaluate = {
  standard: true,
  attacks: [attack],
  corruptions: ['gaussian_noise'],
  severities: [1, 5],
  seed: 0,
  gallery: 4,
  diagnostics: null,
};
const criticality = {
  profile: 'PROFILE_SOUND',
  weightEpsilon: 0.1,
  weightNorm: 'NORM_L2',
  ascent: 'ASCENT_METHOD_NORMALIZED_GRADIENT',
  epochs: 10,
  learningRate: 1,
  batchSize: 512,
  starts: 2,
  seed: 0,
  modules: ['layer2.1.conv2'],
  grouping: 'MODULE_GROUPING_UNSPECIFIED',
  groups: [],
  estimateOnly: false,
};
const fineTune = {
  scope: 'FINE_TUNE_SCOPE_UNSPECIFIED',
  modules: ['fc'],
  epochs: 10,
  batchSize: 128,
  optimizer,
  augment,
  batchNorm: 'BATCH_NORM_MODE_FREEZE',
  keepBest: true,
  trustRegion: 0,
  seed: 0,
};
const train = {
  method: 'TRAIN_METHOD_TRADES',
  architecture: { arch: 'resnet18', width: 16 },
  preprocess: 'cifar10',
  epochs: 10,
  batchSize: 128,
  optimizer,
  augment,
  attack: { ...attack, restarts: 1 },
  beta: 6,
  labelSmoothing: 0,
  emaDecay: 0.999,
  awpGamma: 0.005,
  awpWarmup: 0,
  selectionAttack: null,
  keepBest: true,
  patience: 0,
  overfittingGuard: 0.2,
  scoreClip: 0,
  seed: 0,
  craftBatchNorm: 'CRAFT_BATCH_NORM_UNSPECIFIED',
  cleanForwards: 'CLEAN_FORWARDS_BEFORE_UPDATE',
  startNoise: 0.001,
  emaWarmup: 0.025,
  emaCopiesStatistics: true,
  extraFraction: 0,
  decaySparesBatchNorm: false,
  scoreClipsSecondTerm: false,
};
const importNetwork = {
  fileDigest: DIGEST,
  fileName: 'model.pth',
  arch: 'resnet18',
  width: 0,
  classes: 2,
  inputSize: 32,
  preprocess: { name: 'custom', mean: [0.5, 0.5, 0.5], standardDeviation: [0.2, 0.2, 0.2] },
  classNames: ['cat', 'dog'],
};

interface Door {
  schema: z.ZodType;
  valid: object;
  /** [path, value, part of the rule] */
  wrong: [path: string, value: unknown, rule: RegExp][];
}

const DOORS: Record<string, Door> = {
  craftAdversarialSetRequest: {
    schema: validation.craftAdversarialSetRequest,
    valid: { context, network, data, spec: { attack, seed: 1 }, compute },
    wrong: [
      ['network', null, /must be set/],
      ['network.digest', 'xyz', /64 lower-case hexadecimal/],
      ['network.digest', DIGEST.toUpperCase(), /64 lower-case hexadecimal/],
      ['network.blend.alpha', 1.01, /from 0 to 1/],
      ['network.blend.alpha', Number.NaN, /from 0 to 1/],
      ['data', null, /must be set/],
      ['spec.attack.kind', 'ATTACK_KIND_UNSPECIFIED', /must be one of ATTACK_KIND_FGSM/],
      ['spec.attack.kind', 99, /must be one of ATTACK_KIND_FGSM/],
      ['spec.attack.threatModel', null, /must be set/],
      ['spec.attack.threatModel.norm', 'NORM_UNSPECIFIED', /must be one of NORM_LINF, NORM_L2, NORM_L1/],
      ['spec.attack.threatModel.epsilon', -0.1, /at least 0/],
      ['spec.attack.threatModel.epsilon', Number.NaN, /finite/],
      ['spec.attack.threatModel.epsilon', Number.POSITIVE_INFINITY, /finite/],
      ['spec.attack.threatModel.epsilon', 8, /at most 1 in NORM_LINF/],
      ['spec.attack.stepSize', 0, /greater than 0 for FGSM, PGD and CW/],
      ['spec.attack.steps', 0, /from 1 to 100,000/],
      ['spec.attack.steps', 100_001, /from 1 to 100,000/],
      ['spec.attack.restarts', 0, /from 1 to 1,000/],
      ['compute.device', 'gpu', /auto, cpu, cuda or cuda:N/],
      ['compute.batchSize', 65_537, /from 0 to 65,536/],
      ['compute.memoryMib', 16_777_217, /from 0 to 16,777,216/],
      ['context.workKey', 'a b', /characters/],
      ['context.attempt', 0, /at least 1 where workKey is set/],
    ],
  },
  evaluateRequest: {
    schema: validation.evaluateRequest,
    valid: { context: null, network, data, spec: evaluate, compute: null },
    wrong: [
      ['spec', null, /must be set/],
      ['spec.attacks[0].steps', 0, /from 1/],
      ['spec.corruptions[0]', 'Gaussian Noise', /CIFAR-C's spelling/],
      ['spec.corruptions', ['fog', 'fog'], /twice/],
      ['spec.severities', [], /at least one severity/],
      ['spec.severities[1]', 6, /from 1 to 5/],
      ['spec.gallery', 101, /from 0 to 100/],
      ['spec.gallery', 1, /must be 0 without attacks/],
      ['spec.standard', false, /must be true where neither/],
    ],
  },
  corruptRequest: {
    schema: validation.corruptRequest,
    valid: { context, data, spec: { corruption: 'fog', severity: 3, seed: 0 } },
    wrong: [
      ['spec.severity', 0, /from 1 to 5/],
      ['spec.corruption', '', /CIFAR-C's spelling/],
    ],
  },
  measureCriticalityRequest: {
    schema: validation.measureCriticalityRequest,
    valid: { context, network, adversarialSet: DIGEST, spec: criticality, compute },
    wrong: [
      ['adversarialSet', '', /SHA-256/],
      ['spec.weightEpsilon', -1, /at least 0/],
      ['spec.weightNorm', 'NORM_UNSPECIFIED', /must be one of/],
      ['spec.ascent', 'ASCENT_METHOD_UNSPECIFIED', /must be one of/],
      ['spec.epochs', 0, /from 1 to 1,000/],
      ['spec.starts', 101, /from 1 to 100/],
      ['spec.learningRate', 0, /greater than 0/],
      ['spec.modules', ['fc', 'fc'], /twice/],
      ['spec.modules[0]', '../x', /module's name/],
    ],
  },
  fineTuneRequest: {
    schema: validation.fineTuneRequest,
    valid: { context, network, train: data, selection: data, spec: fineTune, compute },
    wrong: [
      ['selection', null, /keepBest/],
      ['spec.modules', [], /at least one module/],
      ['spec.scope', 7, /must be one of/],
      ['spec.optimizer.learningRate', 0, /greater than 0/],
      ['spec.optimizer.momentum', 1.5, /from 0 to 1/],
      ['spec.optimizer.milestones', [8, 5], /rise/],
      ['spec.optimizer.schedule', 'SCHEDULE_KIND_UNSPECIFIED', /must be one of/],
      ['spec.augment.padding', 33, /from 0 to 32/],
      ['spec.augment', null, /must be set/],
      ['spec.batchNorm', 'BATCH_NORM_MODE_UNSPECIFIED', /must be one of/],
      ['spec.epochs', 10_001, /from 1 to 10,000/],
      ['spec.trustRegion', -1, /at least 0/],
    ],
  },
  interpolateRequest: {
    schema: validation.interpolateRequest,
    valid: { context, fromDigest: DIGEST, toDigest: DIGEST, alphas: [0, 0.5, 1] },
    wrong: [
      ['alphas', [], /at least one position/],
      ['alphas[1]', -0.1, /from 0 to 1/],
      ['toDigest', 'f'.repeat(63), /SHA-256/],
    ],
  },
  trainAdversariallyRequest: {
    schema: validation.trainAdversariallyRequest,
    valid: { context, train: data, selection: data, spec: train, initial: null, compute, extra: null },
    wrong: [
      ['selection', null, /keepBest/],
      ['spec.method', 'TRAIN_METHOD_UNSPECIFIED', /must be one of/],
      ['spec.architecture', null, /must be set where initial is not/],
      ['spec.architecture.arch', 'ResNet 18', /architecture/],
      ['spec.architecture.width', 0, /from 1/],
      ['spec.preprocess', 'custom', /cifar10/],
      ['spec.preprocess', '', /where initial is not set/],
      ['spec.labelSmoothing', 1.1, /from 0 to 1/],
      ['spec.emaDecay', 1, /from 0 to 0.999999/],
      ['spec.attack', null, /unless method is TRAIN_METHOD_STANDARD/],
      ['spec.attack.kind', 'ATTACK_KIND_SQUARE', /PGD or ATTACK_KIND_FGSM/],
      ['spec.attack.restarts', 3, /1 in training/],
      ['extra', data, /only there/],
      ['spec.beta', Number.NEGATIVE_INFINITY, /finite/],
    ],
  },
  importNetworkRequest: {
    schema: validation.importNetworkRequest,
    valid: importNetwork,
    wrong: [
      ['fileName', '../../etc/passwd', /without folders/],
      ['fileName', '', /name of a file/],
      ['classes', 1, /from 2/],
      ['classNames', ['cat'], /as many names as classes/],
      ['preprocess', null, /must be set/],
      ['preprocess.name', 'mnist', /cifar10/],
      ['preprocess.mean', [0.5], /three values/],
      ['preprocess.standardDeviation', [], /as many values as mean/],
      ['preprocess.standardDeviation[2]', 0, /greater than 0/],
    ],
  },
  importDatasetRequest: {
    schema: validation.importDatasetRequest,
    valid: { name: 'cifar-10', path: '/data/cifar', format: 'DATASET_FORMAT_CIFAR10', heldOut: 1000, seed: 0 },
    wrong: [
      ['name', '.hidden', /beginning with a letter/],
      ['path', 'data/cifar', /absolute/],
      ['format', 'DATASET_FORMAT_UNSPECIFIED', /must be one of/],
    ],
  },
};

/** A copy of the request with the value at a path like spec.attacks[0].steps. */
function altered(request: object, path: string, value: unknown): object {
  const copy = structuredClone(request);
  const parts = path.split(/[.[\]]+/).filter((part) => part !== '');
  const last = parts.pop() ?? '';
  const holder = parts.reduce<Record<string, unknown>>((at, part) => at[part] as Record<string, unknown>, copy as Record<string, unknown>);
  holder[last] = value;
  return copy;
}

/** What has to change beside the value so that only the rule in question is broken. */
const ALONGSIDE: Record<string, (request: object) => object> = {
  'spec.gallery=1': (request) => altered(request, 'spec.attacks', []),
  'classes=1': (request) => altered(request, 'classNames', []),
  'spec.standard=false': (request) => altered(altered(altered(request, 'spec.attacks', []), 'spec.corruptions', []), 'spec.gallery', 0),
};

for (const [name, { schema, valid, wrong }] of Object.entries(DOORS)) {
  describe(name, () => {
    it('lets a valid request through', () => {
      assert.doesNotThrow(() => validation.check(schema, valid));
    });

    for (const [field, value, rule] of wrong) {
      it(`refuses ${field} = ${typeof value === 'number' ? value : JSON.stringify(value)} and names it`, () => {
        const request = altered((ALONGSIDE[`${field}=${JSON.stringify(value)}`] ?? ((same: object) => same))(valid), field, value);
        assert.throws(
          () => validation.check(schema, request),
          (error: unknown) => {
            assert.ok(error instanceof InvalidArgument);
            assert.deepEqual(
              error.violations.map((violation) => violation.field),
              [field],
            );
            assert.match(error.violations[0]?.rule ?? '', rule);
            return true;
          },
        );
      });
    }
  });
}

describe('check', () => {
  it('names every field at fault in one error, with its value', () => {
    const request = altered(altered(DOORS['corruptRequest']?.valid ?? {}, 'spec.severity', 9), 'data.splitDigest', 'x');
    assert.throws(
      () => validation.check(validation.corruptRequest, request),
      new InvalidArgument([
        { field: 'data.splitDigest', value: 'x', rule: 'must be a SHA-256 in 64 lower-case hexadecimal digits' },
        { field: 'spec.severity', value: '9', rule: 'must be a whole number from 1 to 5' },
      ]),
    );
  });

  it('reads an unset ComputeSpec as every choice left to the service', () => {
    const request = validation.check(validation.evaluateRequest, DOORS['evaluateRequest']?.valid);
    assert.deepEqual(request.compute, validation.DEFAULT_COMPUTE);
  });

  it('reads an unset scope of fine-tuning as MODULES', () => {
    const request = validation.check(validation.fineTuneRequest, DOORS['fineTuneRequest']?.valid);
    assert.equal(request.spec.scope, 'FINE_TUNE_SCOPE_MODULES');
  });
});
