import { DatasetFormat, ExportFormat } from '@rift/contracts';
import { z } from 'zod';

import { architecture, count, digest, list, message, oneOf, text, uint32 } from './rules.js';

const fileName = () => text(/^[^/\\\p{Cc}]{1,255}$/u, 'must be the name of a file, without folders');
const className = () => text(/^[^\p{Cc}]{1,200}$/u, 'must be a name of 1 to 200 characters');
const finite = () => z.number({ error: 'must be a finite number' });

/** Normalisation inside a network. */
export const preprocess = message({
  name: text(/^(cifar10|cifar100|imagenet|none|custom)$/, 'must be cifar10, cifar100, imagenet, none or custom'),
  mean: list(finite(), 3),
  standardDeviation: list(finite().gt(0, { error: 'must be greater than 0' }), 3),
}).check(({ value: { name, mean, standardDeviation }, issues }) => {
  const sizes = name === 'custom' ? [3] : [0, 3];
  const rule = name === 'custom' ? 'must have three values, one per channel' : 'must be empty or have three values, one per channel';
  if (!sizes.includes(mean.length)) issues.push({ code: 'custom', input: mean, path: ['mean'], message: rule });
  else if (standardDeviation.length !== mean.length) {
    issues.push({ code: 'custom', input: standardDeviation, path: ['standardDeviation'], message: 'must have as many values as mean' });
  }
});

export const importNetworkRequest = message({
  fileDigest: digest(),
  fileName: fileName(),
  arch: architecture(),
  width: count(0, 1024),
  classes: count(2, 100_000),
  inputSize: count(8, 1024),
  preprocess,
  classNames: list(className(), 100_000),
}).refine(({ classes, classNames }) => classNames.length === 0 || classNames.length === classes, {
  path: ['classNames'],
  error: 'must be empty or have as many names as classes',
});

export const exportNetworkRequest = message({ digest: digest(), format: oneOf(ExportFormat) });

export const inspectNetworkRequest = message({ digest: digest() });

export const importDatasetRequest = message({
  name: text(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be 1 to 100 of the characters A-Z a-z 0-9 . _ -, beginning with a letter or digit'),
  path: text(/^\/[^\0]{0,4095}$/, 'must be an absolute path of the file system of the service'),
  format: oneOf(DatasetFormat),
  heldOut: count(0, 10_000_000),
  seed: uint32(),
});

export const importAdversarialSetRequest = message({ fileDigest: digest(), fileName: fileName() });
