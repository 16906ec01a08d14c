import type { CriticalityResult, FineTuneResult, InterpolateResult, NetworkInfo } from '@rift/contracts';
import { chooseAlpha } from '../../plan/choose-alpha.js';
import { chooseModules } from '../../plan/choose-modules.js';
import { expandPlan } from '../../plan/expand.js';
import { choicesOf } from '../../plan/profiles.js';
import { presetOfMethod } from '../../plan/training-presets.js';
import { Xoshiro128 } from '../../statistics/xoshiro.js';
import { someSettings } from '../../testing/messages.js';
import type { ReportInput, StageRecord } from '../input.js';
import { CLASSES, evaluationPair, PGD, type Scenario } from './evaluation.js';
import { drawOutcomes, flip, outcomeFrom } from './outcomes.js';

/** A run as it usually goes: clean accuracy rises, nothing significant changes under attack. */
export const USUAL: Scenario = {
  images: 1000,
  standard: [815, 10, 31],
  adversarial: [536, 9, 11],
  corruptionImages: 500,
  corruptionGain: 0.018,
  pictures: 8,
  autoAttack: false,
  diagnostics: true,
};

const MODULES = [
  'conv1',
  ...[1, 2, 3, 4].flatMap((layer) => [0, 1].flatMap((block) => [`layer${layer}.${block}.conv1`, `layer${layer}.${block}.conv2`])),
  ...[2, 3, 4].map((layer) => `layer${layer}.0.shortcut.0`),
  'linear',
];

const HELD_OUT = { split: 'val', offset: 0, limit: 1000 };

/** A complete, deterministic input of a report: ResNet-18 of width 16 on CIFAR-10, profile sound. */
export function reportInput(changes: Partial<Scenario> = {}): ReportInput {
  const choices = choicesOf('PROFILE_SOUND');
  if (!choices) throw new Error('the profile sound has choices');
  const splits = { train: 45_000, val: 5000, test: 10_000 };
  const dataset = {
    digest: 'd'.repeat(64),
    classes: [...CLASSES],
    splits: Object.fromEntries(
      Object.entries(splits).map(([name, count]) => [
        name,
        { digest: name.charAt(0).repeat(64), count, classCounts: CLASSES.map(() => count / 10) },
      ]),
    ),
    imageSize: 32,
    notes: [],
  };
  const settings = someSettings({
    network: 'resnet18-at',
    dataset: 'cifar10',
    limits: { criticality: 1000, train: 0, selection: 1000, test: 1000, corruption: 500 },
  });
  const plan = expandPlan(settings, dataset);
  const criticality = someCriticality();
  const module = chooseModules(criticality)?.modules[0] ?? '';
  const interpolate = someInterpolation();
  return {
    run: {
      id: '0193d4b2-7c1e-7a90-b1c4-5f6f0d1a2e33',
      name: 'ResNet-18, first try',
      createdAt: '2026-03-01T09:12:44.120Z',
      startedAt: '2026-03-01T09:12:45.003Z',
      settings,
      plan,
      stages: plan.stages.map(({ id, kind }, i): StageRecord => ({
        ...{ id, kind: kind ?? '', seconds: 3.2 + 17.9 * i, cached: id === 'craft' },
        figures: id === 'craft' ? { accuracy: 0.815, 'accuracy under attack': 0.536 } : {},
      })),
    },
    generatedAt: '2026-03-01T09:31:07.000Z',
    environment: {
      versions: { RiFT: '0.1.0', Engine: '0.1.0', libtorch: '2.13.0', 'Node.js': '24.21.0' },
      machine: { Processor: '2 cores, AVX-512 with bf16', Memory: '24 GiB', System: 'Linux 6.1 (x64)' },
      engine: { Device: 'cpu', Precision: 'bf16, judged in fp32', Threads: '2' },
    },
    log: [
      { at: '2026-03-01T09:12:45.100Z', line: 'craft: begins on 1000 images of val' },
      { at: '2026-03-01T09:12:48.300Z', line: 'craft: known from an earlier run: accuracy 81.5 %, accuracy under attack 53.6 %' },
    ],
    commands: ['rift run --network resnet18-at --data cifar10 --profile sound --seed 7 --limit-test 1000'],
    artifacts: [
      { what: 'Network before', digest: 'a'.repeat(64) },
      { what: 'Network after', digest: 'b'.repeat(64) },
      { what: 'Adversarial set', digest: 'c'.repeat(64) },
    ],
    network: { name: 'resnet18-at', info: someNetwork() },
    dataset: { name: 'cifar10', info: dataset },
    criticality: { spec: { ...choices.criticality, seed: 1 }, result: criticality, images: HELD_OUT },
    fineTune: { spec: { ...choices.fineTune, seed: 2 }, result: someFineTuning(module), selection: HELD_OUT },
    interpolate: { spec: { ...choices.interpolate, seed: 3 }, result: interpolate, images: HELD_OUT },
    ...evaluationPair({ ...USUAL, ...changes }),
  };
}

function someNetwork(): NetworkInfo {
  return {
    digest: 'a'.repeat(64),
    arch: 'resnet18',
    width: 16,
    classes: 10,
    inputSize: 32,
    preprocess: { name: 'cifar10', mean: [0.4914, 0.4822, 0.4465], standardDeviation: [0.2471, 0.2435, 0.2616] },
    classNames: [...CLASSES],
    parameters: 701_466,
    modules: [],
    metrics: { standard: 0.8146, adversarial: 0.5363 },
    parents: [],
    notes: [],
  };
}

function someCriticality(): CriticalityResult {
  const random = new Xoshiro128(7);
  const modules = MODULES.map((name, i) => {
    const depth = i / (MODULES.length - 1);
    const mrc = 0.088 * Math.exp(4.6 * Math.abs(depth - 0.45) ** 1.3) * (0.75 + random.below(1000) / 2000);
    return {
      name,
      mrc,
      robustAccuracyDrop: Math.min(0.53, 0.22 * mrc),
      perturbationRatio: 0.1,
      firstOrder: 0.82 * mrc,
      standardError: 0.006 + 0.04 * mrc,
      seconds: 2 + (i % 5),
      nanEpochs: 0,
      modules: [name],
      seedMrcs: [],
    };
  });
  const sorted = modules.sort((a, b) => a.mrc - b.mrc);
  return { baseLoss: 1.2874, baseAccuracy: 0.536, modules: sorted, estimates: [], stability: null, greedy: [] };
}

/** A TRADES training that ended early, as a part of an input. */
export function someTraining(): NonNullable<ReportInput['train']> {
  const epochs = Array.from({ length: 12 }, (_, i) => ({
    epoch: i + 1,
    learningRate: 0.1,
    loss: 2.1 - 0.08 * i,
    accuracy: 0.2 + 0.02 * i,
    selectionStandard: 0.4 + 0.03 * i,
    selectionAdversarial: 0.25 + 0.015 * Math.min(i, 7),
    seconds: 61.5,
  }));
  return {
    spec: presetOfMethod('TRAIN_METHOD_TRADES').spec,
    result: { digest: 'a'.repeat(64), epochs, chosenEpoch: 8, ended: 'the selection split has not improved for 4 epochs' },
    images: { split: 'train', offset: 0, limit: 45_000 },
    selection: HELD_OUT,
    extra: undefined,
  };
}

function someFineTuning(module: string): FineTuneResult {
  const epochs = Array.from({ length: 10 }, (_, i) => ({
    epoch: i + 1,
    learningRate: i < 5 ? 0.001 : 0.0001,
    loss: 0.62 - 0.11 * (1 - Math.exp(-i / 2.2)),
    accuracy: 0.79 + 0.031 * (1 - Math.exp(-i / 2.4)),
    selectionStandard: 0.814 + 0.021 * (1 - Math.exp(-i / 1.8)) - (i === 9 ? 0.001 : 0),
    selectionAdversarial: -1,
    seconds: 11.2,
  }));
  return { digest: 'e'.repeat(64), epochs, chosenEpoch: 9, relativeChange: { [module]: 0.0712 }, sweep: [] };
}

/** Robustness rises a little at first and falls after, as in the paper's figure 1. */
function someInterpolation(): InterpolateResult {
  const random = new Xoshiro128(11);
  const standard = drawOutcomes(1000, 812, random);
  const adversarial = drawOutcomes(1000, 540, random);
  const points = Array.from({ length: 11 }, (_, i) => {
    const alpha = i / 10;
    const gain = Math.round(24 * (1 - (1 - alpha) ** 2));
    const net = Math.round(14 * alpha - 26 * alpha ** 3);
    const churn = Math.round(5 * alpha);
    return {
      alpha,
      standard: outcomeFrom(flip(standard, churn, churn + gain, new Xoshiro128(12)), 0.57),
      adversarial: {
        attack: { ...PGD, restarts: 1 },
        outcome: outcomeFrom(flip(adversarial, churn + Math.max(0, -net), churn + Math.max(0, net), new Xoshiro128(13)), 1.3),
        audit: { maxPerturbation: 8 / 255, minPixel: 0, maxPixel: 1, nanCount: 0, imagesChanged: 830 },
        stages: [],
        flags: [],
        imagesPerSecond: 1800,
      },
    };
  });
  const { alpha, reason } = chooseAlpha(points, 'ALPHA_RULE_NON_INFERIOR', 0.005);
  return { points, chosenAlpha: alpha, reason, digest: 'b'.repeat(64) };
}
