import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Progress } from '@rift/contracts';
import { Cancelled, Internal, InvalidArgument } from '@rift/service-kit/client';

import { createCore, type Core } from './core.js';
import type { NativeAddon, NativeJob } from './native.js';

const EVALUATION = { correct: 1, total: 2, perImage: Buffer.from([1, 0]).toString('base64'), meanLoss: 0.5 };

/** An addon that keeps its last job open until the test settles it. */
class OneJobAddon implements NativeAddon {
  submitted: { kind: string; request: unknown } | undefined;
  cancels = 0;
  allowed = 0;
  report: (json: string) => void = () => assert.fail('no job');
  settle = Promise.withResolvers<string>();

  submit(kind: string, requestJson: string, onProgress: (json: string) => void): NativeJob {
    this.submitted = { kind, request: JSON.parse(requestJson) };
    this.report = onProgress;
    return {
      id: 1,
      wait: () => this.settle.promise,
      cancel: () => {
        this.cancels += 1;
        this.fail({ code: 'Cancelled', message: 'cancelled' });
      },
    };
  }

  fail(failure: object): void {
    this.settle.reject(new Error(JSON.stringify(failure)));
  }

  openPerturb(): never {
    throw new Error('not used here');
  }

  doctor(): string {
    return '{"threads":2}';
  }

  allowTorchscript(): void {
    this.allowed += 1;
  }
}

function setUp(): { addon: OneJobAddon; core: Core } {
  const addon = new OneJobAddon();
  return { addon, core: createCore(() => addon) };
}

const request = { path: '/store/a' };
const event = (done: number) => JSON.stringify({ phase: 'reading', done, total: 4, unit: 'batches', metrics: {} });

describe('runJob', () => {
  it('passes the request as JSON and returns bytes as Buffers', async () => {
    const { addon, core } = setUp();
    const data = { path: '/store/d', offset: 0, limit: 2 };
    const spec = { standard: true, attacks: [], corruptions: [], severities: [], seed: 1, gallery: 0, diagnostics: null };
    const compute = { device: 'cpu', precision: 'PRECISION_FP32', batchSize: 0, threads: 1, plain: false, memoryMib: 0 } as const;
    const job = core.runJob('evaluate', { network: { path: '/store/n', blend: null }, data, spec, compute, checkpoint: null });
    addon.settle.resolve(JSON.stringify({ standard: EVALUATION }));
    const result = await job;
    assert.deepEqual(addon.submitted, {
      kind: 'evaluate',
      request: { network: { path: '/store/n', blend: null }, data, spec, compute, checkpoint: null },
    });
    assert.deepEqual(result.standard, { correct: 1, total: 2, perImage: Buffer.from([1, 0]), meanLoss: 0.5 });
    assert.deepEqual(result.attacks, []);
  });

  it('reports progress in order with the times filled in', async () => {
    const { addon, core } = setUp();
    const seen: Progress[] = [];
    const job = core.runJob('inspectNetwork', request, { onProgress: (progress) => seen.push(progress) });
    for (const done of [0, 1, 4]) addon.report(event(done));
    addon.settle.resolve('{}');
    await job;
    assert.deepEqual(
      seen.map(({ done, total, unit }) => [done, total, unit]),
      [
        [0, 4, 'batches'],
        [1, 4, 'batches'],
        [4, 4, 'batches'],
      ],
    );
    assert.equal(seen[0]?.remainingSeconds, -1);
    assert.ok((seen[1]?.remainingSeconds ?? -1) >= 0);
    assert.equal(seen[2]?.remainingSeconds, 0);
  });

  it('cancels the native job when the signal is aborted, and rejects once it has stopped', async () => {
    const { addon, core } = setUp();
    const controller = new AbortController();
    const job = core.runJob('inspectNetwork', request, { signal: controller.signal });
    controller.abort();
    await assert.rejects(job, Cancelled);
    assert.equal(addon.cancels, 1);
  });

  it('submits nothing when the signal is aborted already', async () => {
    const { addon, core } = setUp();
    await assert.rejects(core.runJob('inspectNetwork', request, { signal: AbortSignal.abort() }), Cancelled);
    assert.equal(addon.submitted, undefined);
  });

  it('does not cancel a job that has ended when the signal is aborted later', async () => {
    const { addon, core } = setUp();
    const controller = new AbortController();
    addon.settle.resolve('{}');
    await core.runJob('inspectNetwork', request, { signal: controller.signal });
    controller.abort();
    assert.equal(addon.cancels, 0);
  });

  it('ends the job with the error that the progress listener threw', async () => {
    const { addon, core } = setUp();
    const job = core.runJob('inspectNetwork', request, {
      onProgress: () => {
        throw new InvalidArgument('listener', 1, 'must not throw');
      },
    });
    addon.report(event(1));
    await assert.rejects(job, InvalidArgument);
    assert.equal(addon.cancels, 1);
  });

  it('turns what submit throws into the same classes', async () => {
    const core = createCore(() => ({
      submit: () => {
        throw new Error(JSON.stringify({ code: 'Internal', message: 'unknown kind' }));
      },
      openPerturb: () => assert.fail(),
      doctor: () => '{}',
      allowTorchscript: () => assert.fail(),
    }));
    await assert.rejects(core.runJob('inspectNetwork', request), new Internal('unknown kind'));
  });

  it('reports nothing that arrives after the end', async () => {
    const { addon, core } = setUp();
    let reports = 0;
    addon.settle.resolve('{}');
    await core.runJob('inspectNetwork', request, { onProgress: () => (reports += 1) });
    addon.report(event(4));
    assert.equal(reports, 0);
  });

  it('refuses a result with a field that the contract lacks', async () => {
    const { addon, core } = setUp();
    const job = core.runJob('inspectNetwork', request);
    addon.settle.resolve('{"architecture":"resnet18"}');
    await assert.rejects(job, /NetworkInfo\.architecture/);
  });
});

describe('programs', () => {
  it('are allowed to the engine only where that was asked for', () => {
    const { addon } = setUp();
    createCore(() => addon).doctor();
    assert.equal(addon.allowed, 0);
    createCore(() => addon, { allowTorchscript: true }).doctor();
    assert.equal(addon.allowed, 1);
  });
});

describe('doctor', () => {
  it('returns what the addon tells as an object', () => {
    assert.deepEqual(setUp().core.doctor(), { threads: 2 });
  });
});
