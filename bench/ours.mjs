// Runs one measured task on this project's side, through the addon as the services use it. Reads a task as JSON from standard
// input, writes {seconds, ...} as JSON to standard output. The clock starts after a warm-up on a few images.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { text } from 'node:stream/consumers';

import { createCore } from '@rift/core';
import { trainRequest, trainSpec } from './lib/training.mjs';

const WARM_UP = 32;
const core = createCore();
const task = JSON.parse(await text(process.stdin));
const folder = mkdtempSync(join(tmpdir(), 'rift-bench-'));
const compute = {
  device: 'cpu',
  precision: 'PRECISION_AUTO',
  batchSize: 0,
  threads: task.threads,
  plain: false,
  ...task.compute,
};
const network = task.network && { path: task.network, blend: null };
const images = (limit) => ({ path: task.images, offset: 0, limit });

async function timed(work) {
  const began = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - began) / 1000 };
}

const TASKS = {
  async evaluate() {
    const spec = { standard: false, attacks: [task.attack], corruptions: [], severities: [], seed: 0, gallery: 0 };
    const evaluate = (limit) => core.runJob('evaluate', { network, data: images(limit), spec, compute });
    await evaluate(1);
    const { result, seconds } = await timed(() => evaluate(task.limit));
    const { outcome, stages } = result.attacks[0];
    return { seconds, images: task.limit, accuracy: outcome.correct / outcome.total, stages: stages.map(({ robust }) => robust) };
  },

  async criticality() {
    const measure = (spec) => core.runJob('criticality', { network, adversarialSet: task.adversarialSet, spec, compute });
    await measure({ ...task.spec, modules: ['linear'], epochs: 1 });
    const { result, seconds } = await timed(() => measure(task.spec));
    return { seconds, images: task.images, mrc: Object.fromEntries(result.modules.map(({ name, mrc }) => [name, mrc])) };
  },

  async train() {
    const spec = trainSpec({ arch: 'resnet18', width: task.width }, task.settings);
    const output = join(folder, 'net.safetensors');
    const train = (limit) => core.runJob('train', trainRequest(spec, { train: images(limit), compute, output }));
    await train(WARM_UP);
    const { result, seconds } = await timed(() => train(task.limit));
    return { seconds, images: task.limit, loss: result.epochs.at(-1).loss };
  },
};

try {
  const result = await TASKS[task.task]();
  process.stdout.write(JSON.stringify({ ...result, peakMiB: process.resourceUsage().maxRSS / 1024 }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
