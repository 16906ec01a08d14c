// Makes what both sides read: networks, images and an adversarial set. Usage: node bench/prepare.mjs OUT_FOLDER CRITICALITY_IMAGES
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createCore } from '@rift/core';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [out, count] = process.argv.slice(2);
if (out === undefined || count === undefined) throw new Error('see the first lines');
mkdirSync(out, { recursive: true });
const core = createCore();
const compute = { device: 'cpu', precision: 'PRECISION_AUTO', batchSize: 0, threads: 0, plain: false, memoryMib: 0 };

const sample = join(out, 'w16.safetensors');
copyFileSync(join(ROOT, 'samples', 'resnet18-w16.safetensors'), sample);

const data = { name: 'cifar10', path: join(ROOT, 'samples', 'cifar10'), format: 'DATASET_FORMAT_CIFAR10', heldOut: 0, seed: 0 };
const { splits } = await core.runJob('importDataset', { ...data, outputDir: out });
for (const [name, { path }] of Object.entries(splits)) copyFileSync(path, join(out, `${name}.safetensors`));

const preprocess = { name: 'cifar10', mean: [], standardDeviation: [] };
const wide = {
  path: join(out, 'w64.pth'),
  fileName: 'w64.pth',
  arch: 'resnet18',
  width: 64,
  classes: 10,
  inputSize: 32,
  preprocess,
  classNames: [],
};
await core.runJob('importNetwork', { ...wide, output: join(out, 'w64.safetensors') });

const attack = {
  kind: 'ATTACK_KIND_PGD',
  threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 },
  stepSize: 2 / 255,
  steps: 10,
  restarts: 1,
  randomStart: true,
  targets: 9,
  toTheEnd: true,
};
await core.runJob('craft', {
  network: { path: sample, blend: null },
  data: { path: join(out, 'test.safetensors'), offset: 0, limit: Number(count) },
  spec: { attack, seed: 0 },
  compute,
  output: join(out, `adversarial-${count}.safetensors`),
});
