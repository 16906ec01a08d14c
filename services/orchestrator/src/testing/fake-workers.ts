import { createHash } from 'node:crypto';
import type { ArtifactStore } from '@rift/artifacts';
import { Server, ServerCredentials, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import {
  AttackerServiceConstructor,
  ConversionServiceConstructor,
  TrainerServiceConstructor,
  type AttackOutcome,
  type EvaluateRequest,
  type EvaluateResult,
  type FineTuneSpec,
  type JobContext,
  type MeasureCriticalityRequest,
  type Outcome,
  type TrainAdversariallyRequest,
} from '@rift/contracts';
import { ResourceExhausted, Unavailable, toGrpcFailure, type ServiceError } from '@rift/service-kit';

/** A call that a fake worker received. */
export interface RecordedCall {
  readonly method: string;
  readonly context: JobContext;
  readonly request: unknown;
  /** "done" once its result was sent; "cancelled" when the caller went away before. */
  state: 'running' | 'done' | 'cancelled' | 'refused';
}

/** Requests that tests look into, by method. */
interface Requests {
  readonly Evaluate: EvaluateRequest;
  readonly MeasureCriticality: MeasureCriticalityRequest;
  readonly TrainAdversarially: TrainAdversariallyRequest;
}

/** What a fake worker does on purpose. */
export interface FakeBehaviour {
  /** Milliseconds that each job takes. */
  delayMs: number;
  /** Jobs at a time; more are refused with RESOURCE_EXHAUSTED. */
  capacity: number;
  /** Decides the fate of a job: an error ends it instead of a result, 'silent' says nothing any more, 'unheard' does it and says it failed. */
  fate: (method: string, context: JobContext) => ServiceError | 'silent' | 'unheard' | undefined;
}

type JobCall = ServerWritableStream<{ context: JobContext | null }, unknown>;

/** Modules of the one network that the fakes know. */
export const FAKE_MODULES: readonly string[] = ['conv1', 'layer1.0.conv1', 'layer1.0.conv2', 'layer2.0.conv1', 'layer2.0.conv2', 'linear'];

/**
 * An attacker and a trainer in one server, over real gRPC. Results are fixed functions of the requests' inputs, so that a run's
 * results tell whether it was put together right.
 */
export class FakeWorker {
  readonly calls: RecordedCall[] = [];
  readonly behaviour: FakeBehaviour = { delayMs: 5, capacity: Infinity, fate: () => undefined };
  #server: Server | undefined;
  #running = 0;
  #port = 0;
  /** Artifacts on their way into the store. */
  #stored: Promise<unknown>[] = [];

  /** @param store shared with the orchestrator, as between real services. */
  constructor(private readonly store: ArtifactStore) {}

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Calls of a method that ended with a result. */
  done(method: string): RecordedCall[] {
    return this.calls.filter((call) => call.method === method && call.state === 'done');
  }

  /** Requests of a stage's jobs that ended with a result. */
  requests<M extends keyof Requests>(method: M, runId: string, stageId: string): Requests[M][] {
    const ofStage = this.done(method).filter(({ context }) => context.runId === runId && context.stageId === stageId);
    return ofStage.map(({ request }) => request as Requests[M]);
  }

  /** Listens; a second time, after stop(), on the same port. */
  async start(): Promise<this> {
    const server = new Server();
    server.addService(AttackerServiceConstructor.service, {
      Perturb: () => undefined,
      CraftAdversarialSet: this.#job('CraftAdversarialSet', (request: { network: unknown; data: { limit: number }; spec: unknown }) => ({
        digest: this.#make('set', request.network, request.data, request.spec),
        outcome: attackOutcome(bitsOf('robust', request.data.limit, 0), null),
        standard: bitsOf('standard', request.data.limit, 0),
      })),
      Evaluate: this.#job('Evaluate', evaluation),
      Corrupt: this.#job('Corrupt', (request: { data: unknown; spec: unknown }) => ({
        digest: this.#make('corrupted', request.data, request.spec),
        rootMeanSquareChange: 0.1,
        notes: [],
      })),
    });
    server.addService(TrainerServiceConstructor.service, {
      TrainAdversarially: this.#job('TrainAdversarially', (request: { train: unknown; spec: unknown }) => ({
        digest: this.#make('trained', request.train, request.spec),
        epochs: [],
        chosenEpoch: 1,
      })),
      MeasureCriticality: this.#job('MeasureCriticality', criticality),
      FineTune: this.#job('FineTune', (request: { network: unknown; train: unknown; spec: FineTuneSpec }) => ({
        digest: this.#make('tuned', request.network, request.train, request.spec),
        epochs: [fakeEpoch(request.spec)],
        chosenEpoch: 2,
        relativeChange: Object.fromEntries(request.spec.modules.map((module) => [module, 0.05])),
      })),
      Interpolate: this.#job('Interpolate', (request: { fromDigest: string; toDigest: string; alphas: number[] }) => ({
        digests: request.alphas.map((alpha) => this.#make('between', request.fromDigest, request.toDigest, alpha)),
      })),
    });
    server.addService(ConversionServiceConstructor.service, this.#conversions());
    this.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(this.address, ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)));
    });
    this.#server = server;
    return this;
  }

  /** Cuts all connections at once, as a killed process does. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.#running = 0;
  }

  #job<Q, R>(method: string, result: (request: Q) => R) {
    return (call: JobCall): void => {
      const context = call.request.context ?? { runId: '', stageId: '', workKey: '', attempt: 0 };
      const record: RecordedCall = { method, context, request: call.request, state: 'running' };
      this.calls.push(record);
      if (this.#running >= this.behaviour.capacity) {
        record.state = 'refused';
        call.emit('error', toGrpcFailure(new ResourceExhausted('device', 'a job runs', 100), 'fake'));
        return;
      }
      this.#running += 1;
      const fate = this.behaviour.fate(method, context);
      const timer = setTimeout(() => {
        if (fate === 'silent') return;
        this.#running -= 1;
        if (fate === 'unheard') {
          void this.#send(call, record, result(call.request as unknown as Q), new Unavailable('worker', 'Connection dropped'));
          return;
        }
        if (fate) {
          record.state = 'refused';
          call.emit('error', toGrpcFailure(fate, 'fake'));
          return;
        }
        void this.#send(call, record, result(call.request as unknown as Q));
      }, this.behaviour.delayMs);
      call.write({ progress: { phase: method, done: 1, total: 2, unit: 'images', metrics: {}, elapsedSeconds: 0, remainingSeconds: 1 } });
      call.once('cancelled', () => {
        clearTimeout(timer);
        if (record.state !== 'running') return;
        record.state = 'cancelled';
        this.#running -= 1;
      });
    };
  }

  async #send(call: JobCall, record: RecordedCall, result: unknown, failure?: ServiceError): Promise<void> {
    await Promise.all(this.#stored);
    if (record.state !== 'running') return;
    record.state = 'done';
    if (failure) {
      call.emit('error', toGrpcFailure(failure, 'fake'));
      return;
    }
    call.write({ result });
    call.end();
  }

  /** Stores an artifact whose content says what it was made of. @returns its digest */
  #make(...parts: unknown[]): string {
    const content = JSON.stringify(parts);
    this.#stored.push(this.store.putBytes(Buffer.from(content)));
    return createHash('sha256').update(content).digest('hex');
  }

  #dataset(path: string) {
    const split = (name: string, count: number) => ({ digest: this.#make(path, name), count, classCounts: [count / 2, count / 2] });
    const splits = { train: split('train', 600), val: split('val', 400), test: split('test', 400) };
    return { digest: this.#make('dataset', path), classes: ['cat', 'dog'], splits, imageSize: 32, notes: [] };
  }

  #conversions() {
    const answer =
      <Q, R>(method: string, result: (request: Q) => R) =>
      (call: { request: Q }, callback: sendUnaryData<R>): void => {
        const { request } = call;
        this.calls.push({ method, context: { runId: '', stageId: '', workKey: '', attempt: 0 }, request, state: 'done' });
        const value = result(request);
        void Promise.all(this.#stored).then(() => callback(null, value));
      };
    return {
      ImportNetwork: answer('ImportNetwork', (request: { fileDigest: string }) => ({
        network: networkInfo(this.#make('imported', request.fileDigest)),
      })),
      ExportNetwork: answer('ExportNetwork', (request: { digest: string }) => ({ fileDigest: this.#make('exported', request.digest) })),
      InspectNetwork: answer('InspectNetwork', (request: { digest: string }) => ({ network: networkInfo(request.digest) })),
      ImportDataset: answer('ImportDataset', (request: { name: string; path: string }) => ({ dataset: this.#dataset(request.path) })),
      ImportAdversarialSet: answer('ImportAdversarialSet', (request: { fileDigest: string }) => ({
        digest: this.#make('set', request.fileDigest),
        count: 12,
      })),
    };
  }
}

/** The accuracy on held-out images is best at a learning rate of 0.01. */
function fakeEpoch({ optimizer }: FineTuneSpec) {
  const learningRate = optimizer?.learningRate ?? 0;
  const selectionStandard = 0.8 - 0.1 * Math.abs(Math.log10(learningRate) + 2);
  return { epoch: 1, learningRate, loss: 1, accuracy: 0.7, selectionStandard, selectionAdversarial: -1, seconds: 1 };
}

/** An error as a worker raises it that is going down. */
export function goingDown(): ServiceError {
  return new Unavailable('worker', 'it is shutting down');
}

function networkInfo(digest: string) {
  return {
    digest,
    arch: 'resnet18',
    width: 16,
    classes: 2,
    inputSize: 32,
    preprocess: { name: 'none', mean: [], standardDeviation: [] },
    classNames: ['cat', 'dog'],
    parameters: 100,
    modules: FAKE_MODULES.map((name) => ({ name, kind: 'conv2d', shape: [1], parameters: 1 })),
    metrics: {},
    parents: [],
    notes: [],
  };
}

/** Right or wrong by image and topic: a fixed function of the image's place in its split. */
function bitsOf(topic: string, count: number, offset: number): Outcome {
  const perImage = Buffer.from(
    Array.from({ length: count }, (_, index) => {
      const byte =
        createHash('sha256')
          .update(`${topic}/${offset + index}`)
          .digest()[0] ?? 0;
      return byte < 160 ? 1 : 0;
    }),
  );
  return { correct: perImage.reduce((a, b) => a + b, 0), total: count, perImage, meanLoss: 0.5 };
}

function attackOutcome(outcome: Outcome, attack: AttackOutcome['attack']): AttackOutcome {
  const audit = { maxPerturbation: 0.03, minPixel: 0, maxPixel: 1, nanCount: 0, imagesChanged: outcome.total };
  return { attack, outcome, audit, stages: [], flags: [], imagesPerSecond: 100 };
}

/** Standard accuracy rises along the line; robust outcomes stay those of the original. */
function evaluation({ network, data, spec }: EvaluateRequest): EvaluateResult {
  const { offset = 0, limit = 0 } = data ?? {};
  const standard = bitsOf('standard', limit, offset);
  const gain = network?.blend ? Math.round(network.blend.alpha * 4) : 0;
  for (let image = 0; image < limit; image += 1) if ((offset + image) % 10 < gain) standard.perImage[image] = 1;
  const robust = bitsOf('robust', limit, offset);
  return {
    standard: spec?.standard ? { ...standard, correct: standard.perImage.reduce((a, b) => a + b, 0) } : null,
    attacks: (spec?.attacks ?? []).map((attack) => attackOutcome(robust, attack)),
    corruptions: (spec?.corruptions ?? []).map((name) => ({
      name,
      severities: (spec?.severities ?? []).map((severity) => ({ severity, outcome: bitsOf(`${name}${severity}`, limit, offset) })),
    })),
    gallery: [],
    confusion: spec?.standard ? [limit, 0, 0, limit] : [],
    diagnostics: spec?.diagnostics ? { verdict: 'DIAGNOSTIC_VERDICT_PASS', images: limit, checks: [], ladder: [] } : null,
    notes: [],
  };
}

/** Criticality of a module alone: layer2.0.conv1 has the least, conv1 that of its place. */
function fakeMrc(name: string): number {
  return 0.1 + FAKE_MODULES.indexOf(name === 'layer2.0.conv1' ? 'conv1' : name === 'conv1' ? 'layer2.0.conv1' : name);
}

/**
 * The joint criticality of a group is the sum of its modules', but layer2.0.conv1 and linear together hardly matter: the greedy set
 * differs from the least critical modules. Odd seeds find a little less.
 */
function criticality({ spec }: MeasureCriticalityRequest) {
  const named = (spec?.modules.length ?? 0) > 0 ? (spec?.modules ?? []) : FAKE_MODULES;
  const units = (spec?.groups.length ?? 0) > 0 ? (spec?.groups ?? []) : named.map((name) => ({ name, modules: [name] }));
  const rows = units.map(({ name, modules }) => {
    const sum = modules.reduce((total, module) => total + fakeMrc(module), 0);
    const joint = modules.length > 1 && modules.includes('layer2.0.conv1') && modules.includes('linear') ? sum / 100 : sum;
    return { name, modules, mrc: joint * ((spec?.seed ?? 0) % 2 === 1 ? 0.99 : 1) };
  });
  const base = { baseLoss: 1.5, baseAccuracy: 0.5 };
  if (spec?.estimateOnly === true) {
    const estimates = rows.map(({ name, modules, mrc }) => ({ name, modules, firstOrder: mrc / 2 }));
    return { ...base, modules: [], estimates: estimates.sort((a, b) => a.firstOrder - b.firstOrder) };
  }
  const rest = { robustAccuracyDrop: 0.1, perturbationRatio: 0.1, firstOrder: 0, standardError: 0.01, seconds: 1, nanEpochs: 0 };
  return { ...base, modules: rows.map((row) => ({ ...row, ...rest })), estimates: [] };
}
