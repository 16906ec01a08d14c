// What is measured: rows of work, each with this project's variants and the peers that do the same work.

import { EPSILON, attack, peerAttack } from './attack.mjs';
import { criticalitySpec, measured } from './criticality.mjs';
import { curvesOf } from './curves.mjs';
import { EPOCH } from './training.mjs';

/** Sizes of every row. `tiny` only shows that everything runs. */
export const SCALES = {
  tiny: {
    images: 32,
    wide: 8,
    wrn: 2,
    wrnWidth: 2,
    robust: 64,
    criticality: 48,
    modules: ['linear'],
    train: 128,
    autoattack: 1,
    rounds: 1,
  },
  full: {
    images: 256,
    wide: 64,
    wrn: 16,
    wrnWidth: 16,
    robust: 384,
    criticality: 256,
    modules: null,
    train: 512,
    autoattack: 64,
    rounds: 3,
  },
};

/** What the script of the sample run runs in its place at the tiny size: all of its stages, on few images. */
const TINY_RUN = [
  ...['run', '--network', 'samples/resnet18-w16.safetensors', '--data', 'samples/cifar10', '--profile', 'code'],
  ...['--limit-criticality', '32', '--limit-train', '128', '--limit-selection', '48', '--limit-test', '48', '--limit-corruption', '16'],
  ...['--corruptions', 'fog', '--severities', '3', '--alphas', '0:1:0.5', '--epochs', '1', '--restarts', '1'],
];

function pgdRow(id, network, title, limit) {
  const ours = (name, compute) => ({ name, side: 'ours', task: 'evaluate', network, limit, attack: attack(), compute });
  const peers = ['torchattacks', 'foolbox', 'art'].map((peer) => ({
    name: peer,
    side: 'peer',
    task: 'attack',
    peer,
    network,
    limit,
    attack: peerAttack(),
  }));
  return {
    id,
    title: `PGD-10, every image to the end, ${title}, ${limit} images`,
    sides: [ours('auto', { precision: 'PRECISION_AUTO' }), ours('fp32', { precision: 'PRECISION_FP32' }), ...peers],
    targets: [
      ['auto', 2.5],
      ['fp32', 1.2],
    ],
  };
}

function criticalityRow(size) {
  return {
    id: 'mrc',
    title: `MRC of ${size.modules === null ? 'all 21 modules' : size.modules.join(', ')}, width 16, ${size.criticality} images`,
    sides: ['code', 'paper', 'sound', undefined].map((profile) => measured({ images: size.criticality, modules: size.modules, profile })),
    targets: [
      ['code', 4],
      ['paper', 10],
      ['sound', 10],
    ],
  };
}

/** The rows of a scale. */
export function rowsOf(scale) {
  const size = SCALES[scale];
  return [
    pgdRow('pgd-w16', 'w16', 'ResNet-18 of width 16', size.images),
    pgdRow('pgd-w64', 'w64', 'ResNet-18 of width 64', size.wide),
    pgdRow('pgd-wrn', 'wrn', size.wrnWidth === 16 ? 'WRN-28-10' : `WRN-28-10 of width ${size.wrnWidth}`, size.wrn),
    {
      id: 'robust-accuracy',
      title: `Robust accuracy, worst of 3 × PGD-10, width 16, ${size.robust} images`,
      sides: [
        {
          name: 'auto',
          side: 'ours',
          task: 'evaluate',
          network: 'w16',
          limit: size.robust,
          attack: attack({ restarts: 3, toTheEnd: false }),
          compute: {},
        },
        {
          name: 'torchattacks',
          side: 'peer',
          task: 'attack',
          peer: 'torchattacks',
          network: 'w16',
          limit: size.robust,
          attack: peerAttack({ restarts: 3 }),
        },
      ],
      targets: [['auto', 6]],
    },
    {
      id: 'autoattack',
      title: `AutoAttack standard, width 16, ${size.autoattack} images`,
      sides: [
        {
          name: 'auto',
          side: 'ours',
          task: 'evaluate',
          network: 'w16',
          limit: size.autoattack,
          attack: attack({ kind: 'ATTACK_KIND_AUTOATTACK_STANDARD', toTheEnd: false }),
          compute: {},
        },
        {
          name: 'torchattacks, 100 steps',
          side: 'peer',
          task: 'autoattack',
          network: 'w16',
          limit: size.autoattack,
          attack: { epsilon: EPSILON, batchSize: 128 },
        },
      ],
      targets: [['auto', 3]],
    },
    criticalityRow(size),
    {
      id: 'training-epoch',
      title: `Adversarial training, PGD-10, one epoch, width 16, ${size.train} images`,
      sides: [
        { name: 'auto', side: 'ours', task: 'train', width: 16, limit: size.train, settings: EPOCH, compute: {} },
        { name: 'PyTorch loop', side: 'peer', task: 'train', width: 16, limit: size.train, settings: EPOCH },
      ],
      targets: [['auto', 2]],
    },
    twoTrainersRow(size),
    {
      id: 'grpc-call',
      title: 'PGD-10 to the end by `Perturb` over gRPC against the addon, width 16, batches of 64, one thread',
      script: 'perturb.mjs',
      args: [scale === 'tiny' ? '1' : '5'],
      baseline: 'addon',
      targets: [['gRPC', 0.97]],
    },
    {
      id: 'memory-growth',
      title: 'Memory over 1,000 attack batches of 16 images: at most 16 MiB more in the last fifth than in the second',
      script: 'growth.mjs',
      args: [scale === 'tiny' ? '10' : '1000'],
      limits: { growthMiB: 16 },
    },
    {
      id: 'sample-run',
      title: 'The whole sample run, `npm start` after set-up: at most 180 s and 3 GB',
      script: 'sample.mjs',
      args: scale === 'tiny' ? TINY_RUN : [],
      limits: { seconds: 180, peakMiB: 3e9 / 2 ** 20 },
    },
    ...curvesOf(scale, size.criticality),
  ];
}

/** The same modules in each of two trainers at once, one thread each, against one such trainer alone. */
function twoTrainersRow(size) {
  const modules = size.modules ?? ['layer1.0.conv1', 'layer2.0.conv1', 'layer3.0.conv1', 'layer4.0.conv1'];
  const side = (name, copies) => ({
    name,
    side: 'ours',
    task: 'criticality',
    network: 'w16',
    images: size.criticality,
    spec: criticalitySpec('sound', modules),
    threads: 1,
    copies,
  });
  return {
    id: 'two-trainers',
    title: `MRC, profile sound, ${modules.length} modules for each process of one thread, width 16, ${size.criticality} images`,
    sides: [side('two processes', 2), side('one process', 1)],
    baseline: 'one process',
    targets: [['two processes', 1.8]],
  };
}
