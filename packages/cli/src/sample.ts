import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { PlanEdits } from './plan/edit.js';

/** Root of the checkout: four folders above this module's place in packages/cli/dist. */
export const REPOSITORY: string = fileURLToPath(new URL('../../..', import.meta.url));

const samples = join(REPOSITORY, 'samples');

/** The data set and network that come with the project. */
export const SAMPLE = {
  data: join(samples, 'cifar10'),
  network: join(samples, 'resnet18-w16.safetensors'),
} as const;

/** Images of the sample run: as many as two processor cores work through in three minutes. */
export const SAMPLE_LIMITS = { criticality: 256, train: 4000, selection: 1000, test: 1000, corruption: 200 } as const;

/**
 * Where the sample's plan is smaller than its profile's. The margin is what 1,000 held-out images can decide: the lower bound of a paired
 * difference lies about 1.645 sqrt(d / n) below it, 0.7 points at 2 % flipped outcomes, so the profile's 0.5 points could never be met.
 */
export const SAMPLE_EDITS: PlanEdits = {
  corruptions: ['gaussian_noise', 'fog', 'jpeg_compression'],
  severities: [1, 3, 5],
  alphas: [0, 0.2, 0.4, 0.6, 0.8, 1],
  margin: 0.01,
};
