// Makes what both sides read: networks, images and adversarial sets. Usage: node bench/prepare.mjs OUT_FOLDER IMAGES,IMAGES WRN_WIDTH
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createCore } from '@rift/core';
import { EPSILON, attack } from './lib/attack.mjs';
import { trainRequest, trainSpec } from './lib/training.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [out, counts, wrnWidth] = process.argv.slice(2);
if (out === undefined || counts === undefined || wrnWidth === undefined) throw new Error('see the first lines');
mkdirSync(out, { recursive: true });
const core = createCore();
const compute = { device: 'cpu', precision: 'PRECISION_AUTO', batchSize: 0, threads: 0, plain: false };

const sample = join(out, 'w16.safetensors');
copyFileSync(join(ROOT, 'samples', 'resnet18-w16.safetensors'), sample);

const data = { name: 'cifar10', path: join(ROOT, 'samples', 'cifar10'), format: 'DATASET_FORMAT_CIFAR10', heldOut: 0, seed: 0 };
const { splits } = await core.runJob('importDataset', { ...data, outputDir: out });
for (const [name, { path }] of Object.entries(splits)) copyFileSync(path, join(out, `${name}.safetensors`));

// Speed does not depend on weights, and large networks take long to train: four steps give them plausible ones.
const FEW_STEPS = { learningRate: 0.01, momentum: 0.9, weightDecay: 0, epsilon: EPSILON, stepSize: EPSILON, steps: 1, batchSize: 16 };
for (const [name, arch, width] of [
  ['w64', 'resnet18', 64],
  ['wrn', 'wrn-28-10', Number(wrnWidth)],
]) {
  const train = { path: join(out, 'train.safetensors'), offset: 0, limit: 4 * FEW_STEPS.batchSize };
  const output = join(out, `${name}.safetensors`);
  await core.runJob('train', trainRequest(trainSpec({ arch, width }, FEW_STEPS), { train, compute, output }));
}

for (const count of counts.split(',')) {
  await core.runJob('craft', {
    network: { path: sample, blend: null },
    data: { path: join(out, 'test.safetensors'), offset: 0, limit: Number(count) },
    spec: { attack: attack(), seed: 0 },
    compute,
    output: join(out, `adversarial-${count}.safetensors`),
  });
}
