// Memory of a process over many attack batches: node bench/growth.mjs [BATCHES]. PGD-10 on batches of 16 of the sample's pictures, one
// session; growth is the largest resident size of the last fifth less that of the second fifth. Writes one side as JSON, as
// bench/perturb.mjs does.
import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { createCore } from '@rift/core';

const BATCHES = Number(process.argv[2] ?? 1000);
const BATCH = 16;
const core = createCore();
const compute = { device: 'cpu', precision: 'PRECISION_AUTO', batchSize: 0, threads: 0, plain: false, memoryMib: 0 };
const spec = {
  kind: 'ATTACK_KIND_PGD',
  threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 },
  stepSize: 2 / 255,
  steps: 10,
  restarts: 1,
  randomStart: true,
  targets: 1,
  toTheEnd: true,
};
const records = await readFile(new URL('../samples/cifar10/test_batch.bin', import.meta.url));
const path = fileURLToPath(new URL('../samples/resnet18-w16.safetensors', import.meta.url));

function batch(number) {
  const [pixels, labels] = [new Float32Array(BATCH * 3072), new BigInt64Array(BATCH)];
  for (let image = 0; image < BATCH; image += 1) {
    const at = ((number * BATCH + image) % 1000) * 3073;
    labels[image] = BigInt(records[at]);
    for (let pixel = 0; pixel < 3072; pixel += 1) pixels[image * 3072 + pixel] = records[at + 1 + pixel] / 255;
  }
  return [Buffer.from(pixels.buffer), Buffer.from(labels.buffer)];
}

const session = await core.openPerturb({ network: { path, blend: null }, spec, seed: 1, compute });
const resident = [];
const began = performance.now();
for (let number = 0; number < BATCHES; number += 1) {
  const [pixels, labels] = batch(number);
  await session.perturb(pixels, labels, [BATCH, 3, 32, 32], number * BATCH);
  resident.push(process.memoryUsage.rss() / 2 ** 20);
}
const seconds = (performance.now() - began) / 1000;
session.close();
const largest = (from, to) => Math.max(...resident.slice(Math.floor(BATCHES * from), Math.ceil(BATCHES * to)));
const growthMiB = largest(0.8, 1) - largest(0.2, 0.4);
const measurement = { seconds, images: BATCHES * BATCH, peakMiB: largest(0, 1), growthMiB };
process.stdout.write(JSON.stringify({ sides: [{ name: `${BATCHES} attack batches`, side: 'ours', measurements: [measurement] }] }));
