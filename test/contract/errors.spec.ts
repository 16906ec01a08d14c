// Which status, class and field each kind of wrong call ends with.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Metadata, status as Code, type ServiceError as GrpcError } from '@grpc/grpc-js';
import type { AttackerServiceClient, ConversionServiceClient, TrainerServiceClient } from '@rift/contracts';
import type { NativeFailure } from '@rift/core';
import { fromGrpcFailure, InvalidArgument } from '@rift/service-kit';

import { messages } from '../support/calls.js';
import { CPU, CRITICALITY, PGD, craftRequest, fineTuneRequest } from '../support/requests.js';
import { Workers } from '../support/workers.js';

const ABSENT = 'f'.repeat(64);

interface Services {
  attacker: AttackerServiceClient;
  trainer: TrainerServiceClient;
  conversion: ConversionServiceClient;
  network: string;
  split: string;
  /** The import root. */
  folder: string;
}

interface WrongCall {
  name: string;
  call: (services: Services) => Promise<unknown>;
  /** What the engine answers, where it is the one that finds the fault. */
  engine?: [kind: string, failure: NativeFailure];
  code: Code;
  /** Fields named by BadRequest, in order. */
  fields?: string[];
  message: RegExp;
}

const craft = (change: (request: ReturnType<typeof craftRequest>) => void) => async (services: Services) => {
  const request = structuredClone(craftRequest(services.network, services.split));
  change(request);
  await messages(services.attacker.craftAdversarialSet(request));
};

const WRONG_CALLS: WrongCall[] = [
  {
    name: 'a negative radius',
    call: craft((request) => (request.spec = { attack: { ...PGD, threatModel: { norm: 'NORM_LINF', epsilon: -1 } } })),
    code: Code.INVALID_ARGUMENT,
    fields: ['spec.attack.threatModel.epsilon'],
    message: /^spec\.attack\.threatModel\.epsilon is -1: must be a finite number of at least 0$/,
  },
  {
    name: 'a radius in grey levels',
    call: craft((request) => (request.spec = { attack: { ...PGD, threatModel: { norm: 'NORM_LINF', epsilon: 8 } } })),
    code: Code.INVALID_ARGUMENT,
    fields: ['spec.attack.threatModel.epsilon'],
    message: /is 8: must be at most 1 in NORM_LINF: pixels are in \[0, 1\]/,
  },
  {
    name: 'no attack at all',
    call: craft((request) => (request.spec = null)),
    code: Code.INVALID_ARGUMENT,
    fields: ['spec'],
    message: /^spec is unset: must be set$/,
  },
  {
    name: 'two faults at once',
    call: craft((request) => {
      request.network = { digest: 'abc' };
      request.compute = { device: 'tpu' };
    }),
    code: Code.INVALID_ARGUMENT,
    fields: ['network.digest', 'compute.device'],
    message: /network\.digest is abc: must be a SHA-256 .*; compute\.device is tpu: must be auto, cpu, cuda or cuda:N/,
  },
  {
    name: 'more threads than the service may use',
    call: craft((request) => (request.compute = { ...CPU, threads: 3 })),
    code: Code.INVALID_ARGUMENT,
    fields: ['compute.threads'],
    message: /compute\.threads is 3: must be at most 2/,
  },
  {
    name: 'a network that is not in the store',
    call: craft((request) => (request.network = { digest: ABSENT })),
    code: Code.NOT_FOUND,
    message: /^artifact f{64} does not exist: network\.digest names it; upload or import it first$/,
  },
  {
    name: 'a split that is not in the store',
    call: craft((request) => (request.data = { splitDigest: ABSENT })),
    code: Code.NOT_FOUND,
    message: /data\.splitDigest names it/,
  },
  {
    name: 'the far end of a blend that is not in the store',
    call: craft((request) => (request.network = { ...request.network, blend: { toDigest: ABSENT, alpha: 0.5 } })),
    code: Code.NOT_FOUND,
    message: /network\.blend\.toDigest names it/,
  },
  {
    name: 'a module that the network lacks',
    call: ({ trainer, network, split }) => messages(trainer.fineTune(fineTuneRequest(network, split))),
    engine: ['fineTune', { code: 'NotFound', message: 'module not found: linear; did you mean linear1? (one of linear1)' }],
    code: Code.NOT_FOUND,
    message: /^module linear does not exist: did you mean linear1\? \(one of linear1\)$/,
  },
  {
    name: 'a device that this machine lacks',
    call: craft(() => undefined),
    engine: ['craft', { code: 'FailedPrecondition', message: 'device cuda is not available: 0 CUDA devices found' }],
    code: Code.FAILED_PRECONDITION,
    message: /^device cuda is not available: 0 CUDA devices found$/,
  },
  {
    name: 'memory that runs out',
    call: craft(() => undefined),
    engine: ['craft', { code: 'ResourceExhausted', message: 'memory exhausted: out of memory; lower batchSize' }],
    code: Code.RESOURCE_EXHAUSTED,
    message: /^memory is exhausted: out of memory; lower batchSize$/,
  },
  {
    name: 'a loss that is not a number',
    call: craft(() => undefined),
    engine: ['craft', { code: 'Numeric', message: 'not a finite number in loss: lower the rate' }],
    code: Code.INTERNAL,
    message: /^not a finite number in loss: lower the rate$/,
  },
  {
    name: 'an empty criticality request',
    call: ({ trainer }) => messages(trainer.measureCriticality({})),
    code: Code.INVALID_ARGUMENT,
    fields: ['network', 'adversarialSet', 'spec'],
    message: /network is unset: must be set/,
  },
  {
    name: 'an unknown enum value',
    call: ({ trainer, network, split }) =>
      messages(
        trainer.measureCriticality({ network: { digest: network }, adversarialSet: split, spec: { ...CRITICALITY, ascent: 17 as 1 } }),
      ),
    code: Code.INVALID_ARGUMENT,
    fields: ['spec.ascent'],
    message: /spec\.ascent is 17: must be one of ASCENT_METHOD_SGD_EPOCH/,
  },
  {
    name: 'selection images missing where they choose the epoch',
    call: ({ trainer, network, split }) => messages(trainer.fineTune({ ...fineTuneRequest(network, split), selection: null })),
    code: Code.INVALID_ARGUMENT,
    fields: ['selection'],
    message: /selection is unset: must be set where spec\.keepBest is true/,
  },
  {
    name: 'a folder outside the import root',
    call: ({ conversion }) => importFrom(conversion, '/etc/../etc'),
    code: Code.INVALID_ARGUMENT,
    fields: ['path'],
    message: /^path is \/etc\/\.\.\/etc: must be inside /,
  },
  {
    name: 'an uploaded file that the engine cannot read',
    call: ({ conversion, network }) => importFile(conversion, network),
    engine: ['importNetwork', { code: 'InvalidFile', message: 'a.pth: it holds a call of os.system' }],
    code: Code.INVALID_ARGUMENT,
    fields: ['fileName'],
    message: /^fileName is a\.pth: it holds a call of os\.system$/,
  },
  {
    name: 'an artifact that is damaged',
    call: ({ conversion, network }) => importFile(conversion, network),
    engine: ['importNetwork', { code: 'InvalidFile', message: 'FILE: it ends too early' }],
    code: Code.INVALID_ARGUMENT,
    fields: ['fileDigest'],
    message: /^fileDigest is [0-9a-f]{64}: it ends too early$/,
  },
  {
    name: 'a data set with a damaged file',
    call: ({ conversion, folder }) => importFrom(conversion, folder),
    engine: ['importDataset', { code: 'InvalidFile', message: '/data/train_labels.npy: label 12 of 10 classes' }],
    code: Code.INVALID_ARGUMENT,
    fields: ['path'],
    message: /^path is \/data\/train_labels\.npy: label 12 of 10 classes$/,
  },
];

function unaryOf(start: (callback: (error: GrpcError | null) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(fromGrpcFailure(error, 'the service'))));
  });
}

function importFile(conversion: ConversionServiceClient, fileDigest: string): Promise<void> {
  const declared = { fileName: 'a.pth', arch: 'resnet18', classes: 10, inputSize: 32, preprocess: { name: 'none' } };
  return unaryOf((callback) => conversion.importNetwork({ fileDigest, ...declared }, callback));
}

function importFrom(conversion: ConversionServiceClient, path: string): Promise<void> {
  return unaryOf((callback) => conversion.importDataset({ name: 'set', path, format: 'DATASET_FORMAT_NPY' }, callback));
}

describe('a wrong call', () => {
  let workers: Workers;
  let services: Services;

  before(async () => {
    workers = await Workers.create();
    const { client: attacker } = await workers.attacker({ RIFT_THREADS: '2' });
    const { client: trainer, conversion } = await workers.trainer({ RIFT_IMPORT_ROOT: workers.folder });
    const { folder } = workers;
    services = {
      attacker,
      trainer,
      conversion,
      folder,
      network: await workers.artifact('network'),
      split: await workers.artifact('split'),
    };
  });
  after(() => workers[Symbol.asyncDispose]());

  for (const { name, call, engine, code, fields = [], message } of WRONG_CALLS) {
    it(`with ${name} ends with ${Code[code]}`, async () => {
      workers.addon.failures.clear();
      if (engine !== undefined) {
        const path = await workers.store.open(services.network);
        workers.addon.failures.set(engine[0], { ...engine[1], message: engine[1].message.replace('FILE', path) });
      }
      const error = await call(services).then(
        () => assert.fail('the call succeeded'),
        (thrown: unknown) => fromGrpcFailure(thrown, 'the service'),
      );
      assert.equal(error.kind.grpcCode, code);
      assert.match(error.message, message);
      assert.deepEqual(error instanceof InvalidArgument ? error.violations.map(({ field }) => field) : [], fields);
    });
  }

  it('carries ErrorInfo, so that a client in any language can tell its reason without reading the message', async () => {
    const stream = services.attacker.craftAdversarialSet({});
    const thrown = await new Promise<GrpcError>((resolve) => stream.on('error', (error) => resolve(error as GrpcError)).resume());
    const [details] = thrown.metadata.get('grpc-status-details-bin');
    assert.ok(Buffer.isBuffer(details));
    for (const part of ['google.rpc.ErrorInfo', 'INVALID_ARGUMENT', 'attacker', 'google.rpc.BadRequest'])
      assert.ok(details.includes(part), part);
  });

  it('with a message beyond 4 MiB is refused by the transport', async () => {
    const padding = 'x'.repeat(5 << 20);
    const error = await messages(services.attacker.evaluate({ spec: { corruptions: [padding] } }, new Metadata())).then(
      () => assert.fail('the call succeeded'),
      (thrown: unknown) => fromGrpcFailure(thrown, 'the service'),
    );
    assert.equal(error.kind.grpcCode, Code.RESOURCE_EXHAUSTED);
  });
});
