import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { FolderStore } from '@rift/artifacts';
import type { ComputeSpec, Progress } from '@rift/contracts';
import type { Core, JobKind, JobOptions, JobRequests } from '@rift/core';
import { Cancelled, InvalidArgument, Metrics, NotFound, ResourceExhausted, createLogger } from '@rift/service-kit';

import { Admission } from './admission.js';
import { JobRunner, withLimits, type Job } from './job-runner.js';
import { JobMetrics } from './metrics.js';
import { ScratchRoot } from './scratch.js';

type Work = (request: JobRequests[JobKind], options: JobOptions) => Promise<object>;

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

async function setUp(work: Work) {
  const folder = await mkdtemp(join(tmpdir(), 'rift-runner-'));
  folders.push(folder);
  const store = await FolderStore.open(join(folder, 'store'));
  const metrics = new Metrics();
  const core = {
    runJob: (_kind: JobKind, request: JobRequests[JobKind], options: JobOptions) => work(request, options),
  } as unknown as Core;
  const admission = new Admission();
  const sut = new JobRunner({
    core,
    artifacts: store,
    admission,
    scratch: new ScratchRoot(join(folder, 'work')),
    limits: { device: 'auto', threads: 0 },
    metrics: new JobMetrics(metrics),
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  const count = async (end: string): Promise<number> => {
    const { values } = await (metrics.registry.getSingleMetric('rift_jobs_total') ?? assert.fail()).get();
    return values.find(({ labels }) => labels['end'] === end)?.value ?? 0;
  };
  return { sut, store, admission, count };
}

const exportJob = (digest: string, workKey = ''): Job<'exportNetwork'> => ({
  kind: 'exportNetwork',
  context: { runId: '', stageId: '', workKey, attempt: 1 },
  request: async (files) => ({ path: await files.artifact('digest', digest), format: 'EXPORT_FORMAT_PTH', output: await files.output() }),
});

const caller = () => ({ signal: new AbortController().signal });
const writing: Work = async (request) => {
  await writeFile((request as JobRequests['exportNetwork']).output, 'written');
  return {};
};

describe('JobRunner', () => {
  it('stores what the job wrote and gives the device back', async () => {
    const { sut, store, admission, count } = await setUp(writing);
    const { digest } = await store.putBytes(Buffer.from('network'));
    const { digests } = await sut.run(exportJob(digest), caller());
    assert.ok(await store.stat(digests[0] ?? ''));
    assert.equal(admission.busy, false);
    assert.equal(await count('done'), 1);
  });

  it('gives the device back when an artifact is missing, and says which field named it', async () => {
    const { sut, admission, count } = await setUp(writing);
    await assert.rejects(sut.run(exportJob('f'.repeat(64)), caller()), (error: unknown) => {
      assert.ok(error instanceof NotFound);
      assert.match(error.message, /digest names it/);
      return true;
    });
    assert.equal(admission.busy, false);
    assert.equal(await count('failed'), 1);
  });

  it('counts and refuses what comes while the device is taken, and passes on how long it will take', async () => {
    const gate = Promise.withResolvers<object>();
    const { sut, store, count } = await setUp((_request, { onProgress }) => {
      onProgress?.({ remainingSeconds: 7 } as Progress);
      return gate.promise;
    });
    const { digest } = await store.putBytes(Buffer.from('network'));
    const seen = Promise.withResolvers<Progress>();
    const job: Job<'inspectNetwork'> = {
      kind: 'inspectNetwork',
      context: null,
      request: async (files) => ({ path: await files.artifact('digest', digest) }),
    };
    const running = sut.run(job, { ...caller(), onProgress: seen.resolve });
    assert.equal((await seen.promise).remainingSeconds, 7);
    await assert.rejects(sut.run(job, caller()), (error: unknown) => error instanceof ResourceExhausted && error.retryAfterMs === 7000);
    assert.equal(await count('refused'), 1);
    gate.resolve({});
    await running;
  });

  it('counts a job whose caller went away as cancelled and keeps its checkpoint', async () => {
    let checkpoint = '';
    const { sut, store, count } = await setUp(() => Promise.reject(new Cancelled('job train')));
    const { digest } = await store.putBytes(Buffer.from('network'));
    const job: Job<'exportNetwork'> = {
      ...exportJob(digest, 'key'),
      request: async (files) => {
        checkpoint = files.checkpoint ?? '';
        await writeFile(checkpoint, 'half-way');
        return exportJob(digest).request(files);
      },
    };
    await assert.rejects(sut.run(job, caller()), Cancelled);
    assert.equal(await count('cancelled'), 1);
    assert.ok(existsSync(checkpoint));
  });

  it('says of a file what the engine says of its path, under the name of the field', async () => {
    const { sut, store } = await setUp((request) =>
      Promise.reject(new InvalidArgument('file', (request as JobRequests['exportNetwork']).path, 'the header is cut off')),
    );
    const { digest } = await store.putBytes(Buffer.from('network'));
    await assert.rejects(
      sut.run(exportJob(digest), caller()),
      (error: unknown) =>
        error instanceof InvalidArgument && error.message === `digest is ${digest}: the header is cut off` && error.violations.length === 1,
    );
  });

  it('is idle once its job has stopped, and says so when it does not stop in time', async () => {
    const gate = Promise.withResolvers<object>();
    const { sut, store } = await setUp(() => gate.promise);
    const { digest } = await store.putBytes(Buffer.from('network'));
    assert.equal(await sut.idle(1), true);
    const running = sut.run(exportJob(digest), caller());
    assert.equal(await sut.idle(20), false);
    gate.reject(new Cancelled('job'));
    assert.equal(await sut.idle(1000), true);
    await assert.rejects(running, Cancelled);
  });
});

describe('withLimits', () => {
  const compute: ComputeSpec = { device: 'auto', precision: 'PRECISION_AUTO', batchSize: 0, threads: 0, plain: false, memoryMib: 0 };

  it('fills in what a request leaves open', () => {
    for (const device of ['', 'auto']) {
      const limited = withLimits({ ...compute, device }, { device: 'cuda:1', threads: 2 });
      assert.deepEqual([limited.device, limited.threads], ['cuda:1', 2]);
    }
  });

  it('leaves what a request asks for', () => {
    const limited = withLimits({ ...compute, device: 'cpu', threads: 1 }, { device: 'cuda', threads: 2 });
    assert.deepEqual([limited.device, limited.threads], ['cpu', 1]);
  });

  it('refuses more threads than the operator allows', () => {
    assert.throws(() => withLimits({ ...compute, threads: 3 }, { device: 'auto', threads: 2 }), /compute\.threads is 3: must be at most 2/);
    assert.doesNotThrow(() => withLimits({ ...compute, threads: 3 }, { device: 'auto', threads: 0 }));
  });
});
