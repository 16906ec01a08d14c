// The workers as processes: what a bad start says, what a signal does to running work, and what a later process makes of it.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

import { credentials } from '@grpc/grpc-js';
import { ConversionServiceConstructor, TrainerServiceConstructor, type TrainAdversariallyRequestInput } from '@rift/contracts';
import { Unavailable } from '@rift/service-kit';

import { failure, messages, unary } from '../support/calls.js';
import { writeNpySet } from '../support/npy.js';
import { ServiceProcess } from '../support/processes.js';
import { PGD, trainRequest } from '../support/requests.js';

describe('a worker that cannot start', () => {
  it('names every bad setting on standard error and exits with 2', async () => {
    const sut = ServiceProcess.start('attacker', { RIFT_THREADS: 'many', RIFT_DEVICE: 'gpu' });
    assert.equal((await sut.ended()).end, 2);
    assert.match(sut.output, /^attacker cannot start: 2 environment variables are wrong:/);
    assert.match(sut.output, /RIFT_THREADS is many: must be a whole number/);
    assert.match(sut.output, /RIFT_DEVICE is gpu: must be auto, cpu, cuda or cuda:N/);
  });
});

describe('a trainer that is stopped in the middle of training', () => {
  let folder: string;
  let split: string;
  let undisturbed: string;
  const processes: ServiceProcess[] = [];

  const started = async (work: string) => {
    const sut = ServiceProcess.start('trainer', {
      RIFT_TRAINER_ADDRESS: '127.0.0.1:0',
      RIFT_ARTIFACTS: pathToFileURL(join(folder, 'artifacts')).href,
      RIFT_WORK_DIR: join(folder, work),
      RIFT_IMPORT_ROOT: folder,
      RIFT_LOG_LEVEL: 'info',
    });
    processes.push(sut);
    const target = `127.0.0.1:${await sut.port()}`;
    return {
      sut,
      client: new TrainerServiceConstructor(target, credentials.createInsecure()),
      conversion: new ConversionServiceConstructor(target, credentials.createInsecure()),
    };
  };

  /** Many short epochs, so that a signal finds the training under way with a checkpoint behind it. */
  const request = (): TrainAdversariallyRequestInput => {
    const base = trainRequest(split, 'one-training');
    return { ...base, spec: { ...base.spec, epochs: 40, batchSize: 12, attack: { ...PGD, steps: 1 }, seed: 5 } };
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-process-'));
    await mkdir(join(folder, 'set'));
    await writeNpySet(join(folder, 'set'), { train: 12, test: 2 });
    const { sut, conversion } = await started('import');
    const { dataset } = await unary(conversion.importDataset.bind(conversion), {
      name: 'set',
      path: join(folder, 'set'),
      format: 'DATASET_FORMAT_NPY',
    });
    split = dataset?.splits['train']?.digest ?? '';
    conversion.close();
    sut.kill('SIGTERM');
    assert.equal((await sut.ended()).end, 0);
    undisturbed = (await finished('undisturbed')).digest;
  });
  after(async () => {
    for (const process of processes) process.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  /** Starts the training, waits until an epoch is behind it, and sends the signal. */
  async function interrupted(work: string, signal: NodeJS.Signals) {
    const { sut, client } = await started(work);
    const stream = client.trainAdversarially(request());
    const ended = failure(messages(stream));
    const underWay = new Promise<void>((resolve) => {
      stream.on('data', ({ progress }: { progress?: { done: number; total: number } }) => {
        if (progress !== undefined && progress.done > 4) resolve();
      });
    });
    await Promise.race([underWay, ended]);
    sut.kill(signal);
    const exit = await sut.ended();
    const error = await ended;
    client.close();
    return { exit, error };
  }

  async function finished(work: string): Promise<{ digest: string; firstDone: number }> {
    const { sut, client } = await started(work);
    const events = await messages(client.trainAdversarially(request()));
    client.close();
    sut.kill('SIGTERM');
    await sut.ended();
    return { digest: events.at(-1)?.result?.digest ?? '', firstDone: events[0]?.progress?.done ?? 0 };
  }

  it('by SIGTERM ends its calls with UNAVAILABLE and exits with 0 within 10 s; a later process goes on, to the very same network', async () => {
    const { exit, error } = await interrupted('drained', 'SIGTERM');
    assert.equal(exit.end, 0);
    assert.ok(exit.ms < 10_000, `${exit.ms} ms`);
    assert.ok(error instanceof Unavailable);
    await assertResumed('drained');
  });

  it('by SIGKILL loses nothing but the work since its last checkpoint: a later process ends with the very same network', async () => {
    const { exit } = await interrupted('killed', 'SIGKILL');
    assert.equal(exit.end, 'SIGKILL');
    await assertResumed('killed');
  });

  async function assertResumed(work: string): Promise<void> {
    const [kept = ''] = (await readdir(join(folder, work))).filter((name) => name.startsWith('key-'));
    assert.ok((await readdir(join(folder, work, kept))).includes('checkpoint.safetensors'));
    const { digest, firstDone } = await finished(work);
    assert.equal(digest, undisturbed);
    assert.ok(firstDone > 0, 'it began anew');
    assert.deepEqual(await readdir(join(folder, work)), []);
  }
});
