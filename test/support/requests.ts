import type {
  AttackSpecInput,
  AugmentSpecInput,
  CraftAdversarialSetRequestInput,
  CriticalitySpecInput,
  EvaluateRequestInput,
  FineTuneRequestInput,
  OptimizerSpecInput,
  TensorInput,
  TrainAdversariallyRequestInput,
} from '@rift/contracts';

/** PGD-10 in L∞ 8/255 with one random start. */
export const PGD: AttackSpecInput = {
  kind: 'ATTACK_KIND_PGD',
  threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 },
  stepSize: 2 / 255,
  steps: 10,
  restarts: 1,
  randomStart: true,
  targets: 1,
  toTheEnd: false,
};

/** The processor in float32. */
export const CPU = { device: 'cpu', precision: 'PRECISION_FP32', threads: 1 } as const;

const OPTIMIZER: OptimizerSpecInput = { learningRate: 0.01, momentum: 0.9, schedule: 'SCHEDULE_KIND_CONSTANT', gamma: 0.1 };
const AUGMENT: AugmentSpecInput = { padding: 4, paddingMode: 'PADDING_MODE_REFLECT', flip: true };

export const CRITICALITY: CriticalitySpecInput = {
  profile: 'PROFILE_CODE',
  weightEpsilon: 0.1,
  weightNorm: 'NORM_L2',
  ascent: 'ASCENT_METHOD_SGD_EPOCH',
  epochs: 1,
  learningRate: 1,
  batchSize: 512,
  starts: 1,
};

export function craftRequest(network: string, split: string, workKey = ''): CraftAdversarialSetRequestInput {
  return {
    context: { workKey, attempt: 1 },
    network: { digest: network },
    data: { splitDigest: split, limit: 2 },
    spec: { attack: PGD, seed: 1 },
    compute: CPU,
  };
}

export function evaluateRequest(network: string, split: string): EvaluateRequestInput {
  return { network: { digest: network }, data: { splitDigest: split }, spec: { standard: true, attacks: [PGD] }, compute: CPU };
}

export function fineTuneRequest(network: string, split: string, workKey = ''): FineTuneRequestInput {
  return {
    context: { workKey, attempt: 1 },
    network: { digest: network },
    train: { splitDigest: split },
    selection: { splitDigest: split },
    spec: {
      scope: 'FINE_TUNE_SCOPE_MODULES',
      modules: ['linear'],
      epochs: 1,
      batchSize: 2,
      optimizer: OPTIMIZER,
      augment: AUGMENT,
      batchNorm: 'BATCH_NORM_MODE_FREEZE',
      keepBest: true,
    },
    compute: CPU,
  };
}

export function trainRequest(split: string, workKey = ''): TrainAdversariallyRequestInput {
  return {
    context: { workKey, attempt: 1 },
    train: { splitDigest: split },
    spec: {
      method: 'TRAIN_METHOD_PGD',
      architecture: { arch: 'resnet18', width: 4 },
      preprocess: 'none',
      epochs: 1,
      batchSize: 2,
      optimizer: OPTIMIZER,
      augment: AUGMENT,
      attack: PGD,
    },
    compute: CPU,
  };
}

/** Grey images, float32 [count, 3, size, size]. */
export function images(count: number, size: number, value = 0.5): TensorInput {
  const pixels = new Float32Array(count * 3 * size * size).fill(value);
  return { dataType: 'DATA_TYPE_FLOAT32', shape: [count, 3, size, size], data: Buffer.from(pixels.buffer) };
}

/** int64 [classes.length]. */
export function labels(...classes: number[]): TensorInput {
  return { dataType: 'DATA_TYPE_INT64', shape: [classes.length], data: Buffer.from(BigInt64Array.from(classes, BigInt).buffer) };
}
