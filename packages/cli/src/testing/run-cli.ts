import { FakeOrchestrator } from '@rift/client/testing';
import type { DatasetInfo, NetworkInfo, OutcomeInput, StageResultInput } from '@rift/contracts';
import { Writable } from 'node:stream';

import { runCli } from '../cli.js';

class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** What a command said and how it ended. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process. @param home RIFT_HOME, which no test may share with a real one */
export async function rift(argv: readonly string[], home = '/nonexistent/rift-home'): Promise<CliResult> {
  const stdout = new Sink();
  const stderr = new Sink();
  const code = await runCli(argv, { stdout, stderr, variables: { RIFT_HOME: home } });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** The one JSON document of a command. @throws when standard output holds anything else */
export function documentOf({ stdout }: CliResult): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Digest of the network "net" of the furnished fake. */
export const NETWORK_DIGEST = 'a'.repeat(64);

const NETWORK: NetworkInfo = {
  digest: NETWORK_DIGEST,
  arch: 'resnet18',
  width: 16,
  classes: 10,
  inputSize: 32,
  preprocess: { name: 'cifar10', mean: [0.49, 0.48, 0.45], standardDeviation: [0.25, 0.24, 0.26] },
  classNames: [],
  parameters: 701_466,
  modules: [
    { name: 'conv1', kind: 'conv2d', shape: [16, 3, 3, 3], parameters: 432 },
    { name: 'layer2.1.conv2', kind: 'conv2d', shape: [32, 32, 3, 3], parameters: 9216 },
  ],
  metrics: { standard: 0.8 },
  parents: [],
  notes: [],
};

const DATASET: DatasetInfo = {
  digest: 'd'.repeat(64),
  classes: ['airplane', 'automobile'],
  splits: {
    train: { digest: '1'.repeat(64), count: 800, classCounts: [400, 400] },
    val: { digest: '2'.repeat(64), count: 100, classCounts: [50, 50] },
    test: { digest: '3'.repeat(64), count: 200, classCounts: [100, 100] },
    extra: { digest: '4'.repeat(64), count: 400, classCounts: [200, 200] },
    generated: { digest: '5'.repeat(64), count: 300, classCounts: [150, 150] },
  },
  imageSize: 32,
  notes: [],
};

/** A fake orchestrator with the network "net" and the data set "pictures". */
export function furnishedFake(): FakeOrchestrator {
  const fake = new FakeOrchestrator();
  fake.networks.set('net', { name: 'net', network: NETWORK, createdAt: null });
  fake.datasets.set('pictures', { name: 'pictures', dataset: DATASET, createdAt: null });
  return fake;
}

/** An outcome over images of which the first `correct` are right. */
export function outcome(correct: number, total: number): Required<OutcomeInput> {
  const perImage = Buffer.from(Array.from({ length: total }, (_, index) => (index < correct ? 1 : 0)));
  return { correct, total, perImage, meanLoss: 0.5 };
}

/** What an attack found out about its own perturbations. */
export const ATTACK_AUDIT = { maxPerturbation: 0.0313, minPixel: 0, maxPixel: 1, nanCount: 0, imagesChanged: 90 };

/** The result of PGD-10 with three restarts on 100 images, `correct` of which withstand it. */
export function attackResult(correct: number): StageResultInput {
  return {
    evaluate: {
      standard: outcome(80, 100),
      attacks: [
        {
          attack: { kind: 'ATTACK_KIND_PGD', threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 }, steps: 10, restarts: 3 },
          outcome: outcome(correct, 100),
          audit: ATTACK_AUDIT,
          imagesPerSecond: 1234,
        },
      ],
    },
  };
}
