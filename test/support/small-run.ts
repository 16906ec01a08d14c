import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import type { RiftClient } from '@rift/client';
import type { Plan, Run, RunSettings } from '@rift/contracts';

const SAMPLES = fileURLToPath(new URL('../../../samples/', import.meta.url));

/** Images of a run of the whole method that takes two processor cores some ten seconds. */
const LIMITS = { criticality: 64, train: 256, selection: 64, test: 128, corruption: 32 };
const MODULES = ['conv1', 'layer2.0.conv1', 'layer4.0.conv2', 'layer4.1.conv2'];

/** A run of the whole method that is small in every direction. */
export interface SmallRun {
  readonly settings: RunSettings;
  readonly plan: Plan;
}

/** Puts the sample network and images in, and makes the smallest plan that has every step of the method. */
export async function smallRun(client: RiftClient): Promise<SmallRun> {
  const { digest: network } = await client.artifacts.uploadFile(`${SAMPLES}resnet18-w16.safetensors`);
  await client.catalog.importDataset({ name: 'sample', path: `${SAMPLES}cifar10`, format: 'DATASET_FORMAT_CIFAR10', heldOut: 0, seed: 0 });
  const settings: RunSettings = {
    network,
    dataset: 'sample',
    profile: 'PROFILE_SOUND',
    seed: 1,
    compute: { device: 'cpu', precision: 'PRECISION_FP32', batchSize: 0, threads: 1, plain: false, memoryMib: 0 },
    noCache: true,
    limits: LIMITS,
    priority: 0,
  };
  const plan = await client.runs.expandPlan(settings);
  for (const stage of plan.stages) {
    if (stage.criticality?.spec) Object.assign(stage.criticality.spec, { modules: MODULES, epochs: 3, batchSize: 64 });
    if (stage.fineTune?.spec) Object.assign(stage.fineTune.spec, { epochs: 4, batchSize: 64 });
    if (stage.interpolate?.spec) Object.assign(stage.interpolate.spec, { alphas: [0, 0.5, 1], refinements: 0 });
    if (stage.evaluate?.spec) {
      for (const attack of stage.evaluate.spec.attacks) attack.restarts = 1;
      stage.evaluate.spec.diagnostics = null;
      if (stage.evaluate.spec.corruptions.length > 0) Object.assign(stage.evaluate.spec, { corruptions: ['fog'], severities: [3] });
    }
  }
  return { settings, plan };
}

/** Figures that say how long something took; all others must be the same in every execution. */
const TIMES = new Set(['seconds', 'imagesPerSecond']);

/**
 * Everything that a run found, as text: results of all stages with the digests of the artifacts they made, without times. Of the report,
 * which names the run and its times, the verdict.
 */
export function resultsOf(run: Run): string {
  const stages = run.stages.map(({ id, state, result }) => ({
    id,
    state,
    result: result?.report ? { verdict: result.report.verdict } : result,
  }));
  return JSON.stringify(
    stages,
    (key, value: unknown) => {
      if (TIMES.has(key)) return undefined;
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
      return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
    },
    1,
  );
}

/** Short name of a text's content. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
