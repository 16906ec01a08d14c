import type { ImageLimits } from '@rift/contracts';

import type { PlanEdits } from '../plan/edit.js';

/** How large the instance of a study is: everything that is smaller than in the paper, in one record that the result repeats. */
export interface StudySize {
  /** Seeds, from 0 on. */
  readonly seeds: number;
  /** Divides the published width of every architecture; at least one channel of the first stage is left. */
  readonly widthDivisor: number;
  /** Epochs of the adversarial training; null takes the recipe's own. */
  readonly trainEpochs: number | null;
  /** Steps of the attack that crafts training images; null takes the recipe's own. */
  readonly trainSteps: number | null;
  /** Held-out images that choose the epoch of the training; 0 means all. */
  readonly trainSelection: number;
  /** Decay of the weight average; null takes the recipe's own. */
  readonly ema: number | null;
  /** Images; 0 means all. */
  readonly limits: ImageLimits;
  /** What the plan of the profile is cut down by. */
  readonly edits: PlanEdits;
}

const ALL: ImageLimits = { criticality: 0, train: 0, selection: 0, test: 0, corruption: 0 };

/**
 * Sizes by name. `paper` is the paper's own; `medium` fits one GPU for hours; `small` finishes on two processor cores in minutes; `tiny` shows
 * that the study runs at all, its figures mean nothing.
 */
export const SIZES = {
  tiny: {
    seeds: 1,
    widthDivisor: 16,
    trainEpochs: 1,
    trainSteps: 1,
    trainSelection: 50,
    ema: null,
    limits: { criticality: 100, train: 200, selection: 100, test: 100, corruption: 20 },
    edits: { corruptions: ['gaussian_noise'], severities: [3], alphas: [0, 0.5, 1], refinements: 0, epochs: 1, restarts: 1 },
  },
  small: {
    seeds: 1,
    widthDivisor: 8,
    trainEpochs: 4,
    trainSteps: 2,
    trainSelection: 100,
    ema: null,
    limits: { criticality: 256, train: 2000, selection: 500, test: 500, corruption: 100 },
    edits: {
      corruptions: ['gaussian_noise', 'fog', 'jpeg_compression'],
      severities: [1, 3, 5],
      alphas: [0, 0.2, 0.4, 0.6, 0.8, 1],
      epochs: 3,
    },
  },
  medium: {
    seeds: 3,
    widthDivisor: 2,
    trainEpochs: 40,
    trainSteps: 10,
    trainSelection: 0,
    ema: 0.995,
    limits: { ...ALL, criticality: 5000, test: 5000, corruption: 1000 },
    edits: {},
  },
  paper: { seeds: 3, widthDivisor: 1, trainEpochs: null, trainSteps: null, trainSelection: 0, ema: null, limits: ALL, edits: {} },
} as const satisfies Record<string, StudySize>;

/** Name of a size. */
export type SizeName = keyof typeof SIZES;
