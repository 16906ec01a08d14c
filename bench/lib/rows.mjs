// What is measured: rows of work, each with this project's variants and the peers that do the same work.

const EPSILON = 8 / 255;
const STEP = 2 / 255;

/** Sizes of every row. `tiny` only shows that everything runs. */
export const SCALES = {
  tiny: { images: 32, wide: 32, robust: 64, criticality: 48, modules: ['linear'], train: 128, rounds: 1 },
  quick: { images: 256, wide: 64, robust: 500, criticality: 512, modules: null, train: 1024, rounds: 3 },
  full: { images: 512, wide: 128, robust: 1000, criticality: 1000, modules: null, train: 4096, rounds: 3 },
};

function attack({ restarts = 1, toTheEnd = true } = {}) {
  return {
    kind: 'ATTACK_KIND_PGD',
    threatModel: { norm: 'NORM_LINF', epsilon: EPSILON },
    stepSize: STEP,
    steps: 10,
    restarts,
    randomStart: true,
    targets: 9,
    toTheEnd,
  };
}

const peerAttack = (restarts) => ({ epsilon: EPSILON, stepSize: STEP, steps: 10, restarts, batchSize: 128 });

function pgdRow(id, network, title, limit) {
  const ours = (name, compute) => ({ name, side: 'ours', task: 'craft', network, limit, attack: attack(), compute });
  const peers = ['torchattacks', 'foolbox', 'art'].map((peer) => ({
    name: peer,
    side: 'peer',
    task: 'attack',
    peer,
    network,
    limit,
    attack: peerAttack(1),
  }));
  return {
    id,
    title: `PGD-10, every image to the end, ${title}, ${limit} images`,
    unit: 'images/s',
    sides: [ours('auto', { precision: 'PRECISION_AUTO' }), ours('fp32', { precision: 'PRECISION_FP32' }), ...peers],
    targets: [
      ['auto', 2.5],
      ['fp32', 1.2],
    ],
  };
}

function criticalityRow(id, title, size, spec, target) {
  const full = {
    weightEpsilon: 0.1,
    weightNorm: 'NORM_L2',
    epochs: 10,
    learningRate: 1,
    batchSize: 512,
    starts: 1,
    seed: 0,
    modules: size.modules ?? [],
    grouping: 'MODULE_GROUPING_LAYER',
    ...spec,
  };
  return {
    id,
    title: `MRC of ${size.modules === null ? 'all 21 modules' : size.modules.join(', ')}, ${title}, width 16, ${size.criticality} images`,
    unit: 'runs/s',
    sides: [
      { name: 'auto', side: 'ours', task: 'criticality', network: 'w16', images: size.criticality, spec: full, compute: {} },
      {
        name: 'published procedure',
        side: 'peer',
        task: 'criticality',
        network: 'w16',
        images: size.criticality,
        batchSize: 512,
        modules: size.modules,
      },
    ],
    targets: [['auto', target]],
  };
}

/** The rows of a scale. */
export function rowsOf(scale) {
  const size = SCALES[scale];
  const settings = { learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4, epsilon: EPSILON, stepSize: STEP, steps: 10, batchSize: 128 };
  return [
    pgdRow('pgd-w16', 'w16', 'ResNet-18 of width 16', size.images),
    pgdRow('pgd-w64', 'w64', 'ResNet-18 of width 64', size.wide),
    {
      id: 'robust-accuracy',
      title: `Robust accuracy, worst of 3 × PGD-10, width 16, ${size.robust} images`,
      unit: 'images/s',
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
          attack: peerAttack(3),
        },
      ],
      targets: [['auto', 6]],
    },
    criticalityRow('mrc-code', 'profile code', size, { profile: 'PROFILE_CODE', ascent: 'ASCENT_METHOD_SGD_EPOCH' }, 4),
    criticalityRow('mrc-paper', 'profile paper', size, { profile: 'PROFILE_PAPER', ascent: 'ASCENT_METHOD_SGD_STOP' }, 10),
    criticalityRow('mrc-sound', 'profile sound', size, { profile: 'PROFILE_SOUND', ascent: 'ASCENT_METHOD_NORMALIZED_GRADIENT' }, 10),
    {
      id: 'training-epoch',
      title: `Adversarial training, PGD-10, one epoch, width 16, ${size.train} images`,
      unit: 'images/s',
      sides: [
        { name: 'auto', side: 'ours', task: 'train', width: 16, limit: size.train, settings, compute: {} },
        { name: 'PyTorch loop', side: 'peer', task: 'train', width: 16, limit: size.train, settings },
      ],
      targets: [['auto', 2]],
    },
  ];
}
