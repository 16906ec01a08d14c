import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { NativeAddon, NativeFailure, NativeJob, NativePerturbed, NativePerturbSession } from '@rift/core';

const OUTCOME = { correct: 1, total: 2, perImage: Buffer.from([1, 0]).toString('base64'), meanLoss: 0.5 };
const AUDIT = { maxPerturbation: 0.03, minPixel: 0, maxPixel: 1, nanCount: 0, imagesChanged: 2 };

/** What each kind of job answers, as the engine would. */
const RESULTS: Record<string, object> = {
  craft: { outcome: { outcome: OUTCOME, audit: AUDIT }, standard: OUTCOME },
  evaluate: { standard: OUTCOME },
  corrupt: { rootMeanSquareChange: 0.1 },
  criticality: { baseLoss: 1.5, baseAccuracy: 0.4, modules: [{ name: 'fc', mrc: 0.1 }] },
  fineTune: { epochs: [{ epoch: 1 }], chosenEpoch: 1, relativeChange: { fc: 0.05 } },
  train: { epochs: [{ epoch: 1 }], chosenEpoch: 1 },
  interpolate: {},
  importNetwork: { arch: 'resnet18', classes: 10 },
  inspectNetwork: { arch: 'resnet18', classes: 10 },
  exportNetwork: {},
  importAdversarialSet: { count: 2 },
};

/** A submitted job, which the test ends where it was held. */
export class FakeJob implements NativeJob {
  readonly #end = Promise.withResolvers<string>();
  cancelled = false;

  constructor(
    readonly id: number,
    readonly kind: string,
    readonly request: Record<string, unknown>,
    private readonly onProgress: (json: string) => void,
  ) {
    this.#end.promise.catch(() => undefined);
  }

  wait(): Promise<string> {
    return this.#end.promise;
  }

  /** Stops at once, as a job does at its next batch. */
  cancel(): void {
    this.cancelled = true;
    this.fail({ code: 'Cancelled', message: 'cancelled' });
  }

  progress(done: number, total: number, phase = 'working'): void {
    this.onProgress(JSON.stringify({ phase, done, total, unit: 'batches', metrics: { loss: 0.25 } }));
  }

  fail(failure: NativeFailure): void {
    this.#end.reject(new Error(JSON.stringify(failure)));
  }

  /** Writes what the request asks to be written and resolves. */
  finish(): void {
    this.#write();
    const result = this.kind === 'importDataset' ? this.#importedDataset() : RESULTS[this.kind];
    this.#end.resolve(JSON.stringify(result));
  }

  #write(): void {
    const { output, outputs } = this.request as { output?: string; outputs?: string[] };
    const paths = outputs ?? (output === undefined ? [] : [output]);
    paths.forEach((path, index) => writeFileSync(path, `${this.kind} ${this.id} ${index}`));
  }

  #importedDataset(): object {
    const { outputDir } = this.request as { outputDir: string };
    const splits = Object.fromEntries(
      ['train', 'test'].map((name) => {
        const path = join(outputDir, `${name}.safetensors`);
        writeFileSync(path, `split ${name}`);
        return [name, { path, count: 2, classCounts: [1, 1] }];
      }),
    );
    return { classes: ['cat', 'dog'], imageSize: 32, notes: [], splits };
  }
}

/** An online session that answers every batch with its own images, and counts what is asked of it. */
export class FakeSession implements NativePerturbSession {
  readonly firstIndices: number[] = [];
  closed = 0;
  /** Batches wait for it where it is set. */
  gate: Promise<void> | undefined;

  async perturb(images: Buffer, labels: Buffer, _shape: string, firstIndex: number): Promise<NativePerturbed> {
    this.firstIndices.push(firstIndex);
    await this.gate;
    return { images, robust: labels, audit: JSON.stringify(AUDIT) };
  }

  close(): void {
    this.closed += 1;
  }
}

/** The addon as the services see it, without an engine behind it. */
export class FakeAddon implements NativeAddon {
  readonly jobs: FakeJob[] = [];
  readonly sessions: FakeSession[] = [];
  /** Kinds whose jobs stay open until the test ends them. */
  readonly held = new Set<string>();
  /** What jobs of a kind fail with. */
  readonly failures = new Map<string, NativeFailure>();
  readonly #waiting: ((job: FakeJob) => void)[] = [];

  submit(kind: string, requestJson: string, onProgress: (json: string) => void): NativeJob {
    const job = new FakeJob(this.jobs.length + 1, kind, JSON.parse(requestJson) as Record<string, unknown>, onProgress);
    this.jobs.push(job);
    const failure = this.failures.get(kind);
    if (failure !== undefined) job.fail(failure);
    else if (!this.held.has(kind)) job.finish();
    this.#waiting.shift()?.(job);
    return job;
  }

  /** The next job to be submitted. */
  nextJob(): Promise<FakeJob> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  openPerturb(requestJson: string): NativePerturbSession {
    const { network } = JSON.parse(requestJson) as { network: { path: string } };
    if (!existsSync(network.path)) throw new Error(`no file ${network.path}`);
    const session = new FakeSession();
    this.sessions.push(session);
    return session;
  }

  doctor(): string {
    return '{"threads":2}';
  }

  allowTorchscript(): void {
    throw new Error('no test allows programs to an engine that has none');
  }
}
