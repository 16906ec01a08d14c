import type { Preprocess } from '@rift/contracts';

import { usageError } from '../errors.js';
import { nearest } from './nearest.js';

/** Published normalisations, per channel. */
const NAMED: Readonly<Record<string, Preprocess>> = {
  cifar10: { name: 'cifar10', mean: [0.4914, 0.4822, 0.4465], standardDeviation: [0.2471, 0.2435, 0.2616] },
  cifar100: { name: 'cifar100', mean: [0.5071, 0.4865, 0.4409], standardDeviation: [0.2673, 0.2564, 0.2762] },
  imagenet: { name: 'imagenet', mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225] },
  none: { name: 'none', mean: [], standardDeviation: [] },
};

/** Names of the published normalisations. */
export const PREPROCESS_NAMES: readonly string[] = Object.keys(NAMED);

function channels(text: string, what: string): number[] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (values.some((value) => !Number.isFinite(value)) || (values.length !== 1 && values.length !== 3)) {
    throw usageError(`--preprocess: the ${what} ${JSON.stringify(text)} must be one number or three, separated by commas.`);
  }
  return values.length === 1 ? [values[0] ?? 0, values[0] ?? 0, values[0] ?? 0] : values;
}

/**
 * The normalisation inside a network: a name, or `mean/std` with one or three numbers each
 * (`0.4914,0.4822,0.4465/0.2471,0.2435,0.2616`, `0.5/0.5`).
 *
 * @throws a usage error
 */
export function parsePreprocess(text: string): Preprocess {
  const named = Object.hasOwn(NAMED, text) ? NAMED[text] : undefined;
  if (named !== undefined) return named;
  const parts = text.split('/');
  if (parts.length !== 2) {
    const near = nearest(text, PREPROCESS_NAMES);
    const help =
      near === undefined
        ? `Choose ${PREPROCESS_NAMES.join(', ')} or MEAN/STD (0.4914,0.4822,0.4465/0.2471,0.2435,0.2616).`
        : `Did you mean ${near}?`;
    throw usageError(`--preprocess ${JSON.stringify(text)} is not known. ${help}`);
  }
  const mean = channels(parts[0] ?? '', 'mean');
  const standardDeviation = channels(parts[1] ?? '', 'standard deviation');
  if (standardDeviation.some((value) => value <= 0)) {
    throw usageError(`--preprocess ${JSON.stringify(text)}: every standard deviation must be greater than 0.`);
  }
  return { name: 'custom', mean, standardDeviation };
}
