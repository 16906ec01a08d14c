import {
  ArtifactServiceConstructor,
  CatalogServiceConstructor,
  RunServiceConstructor,
  type CatalogServiceImportDatasetRequest,
  type CatalogServiceImportNetworkRequest,
  type CreateRunRequest,
  type DatasetEntry,
  type NetworkEntry,
  type Run,
  type RunState,
  type StageResultInput,
  type UploadRequest,
  type WatchRunResponseInput,
} from '@rift/contracts';
import { InvalidArgument, NotFound, ServiceError, Unavailable, toGrpcFailure } from '@rift/service-kit/client';
import {
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { createHash } from 'node:crypto';

type Handler<Q, A> = (request: Q) => A | Promise<A>;

/** Answers a unary call with what the handler returns, or with the status of what it throws. */
function unary<Q, A>(handler: Handler<Q, A>) {
  return (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>): void => {
    Promise.resolve()
      .then(() => handler(call.request))
      .then(
        (answer) => callback(null, answer),
        (error: unknown) => callback(failure(error)),
      );
  };
}

function failure(error: unknown): ReturnType<typeof toGrpcFailure> {
  if (error instanceof ServiceError) return toGrpcFailure(error, 'fake');
  throw error;
}

/**
 * An orchestrator for the tests of its callers: real gRPC on a loopback port, everything else in memory. Runs end at once
 * with the results that `resultsOf` gives, unless the test says otherwise.
 */
export class FakeOrchestrator {
  readonly artifacts = new Map<string, Buffer>();
  /** What arrived of uploads that were broken off, by digest. */
  readonly received = new Map<string, Buffer>();
  readonly networks = new Map<string, NetworkEntry>();
  readonly datasets = new Map<string, DatasetEntry>();
  readonly runs = new Map<string, Run>();
  readonly events = new Map<string, WatchRunResponseInput[]>();
  /** Calls received, by method and request. */
  readonly calls: { readonly method: string; readonly request: unknown }[] = [];
  /** Results of the stages of a new run, by stage identifier. */
  resultsOf: (request: CreateRunRequest) => Record<string, StageResultInput> = () => ({});
  /** State in which a new run ends; RUNNING leaves it open until it is cancelled. */
  finalState: RunState = 'RUN_STATE_SUCCEEDED';
  /** The next calls of these methods break with UNAVAILABLE: how often, and after how many messages of a stream. */
  readonly breaks = new Map<string, { times: number; after: number }>();
  importNetwork: Handler<CatalogServiceImportNetworkRequest, NetworkEntry> = ({ import: request }) => {
    throw new InvalidArgument('import.fileName', request?.fileName ?? '', 'the fake imports nothing');
  };
  importDataset: Handler<CatalogServiceImportDatasetRequest, DatasetEntry> = ({ import: request }) => {
    throw new InvalidArgument('import.path', request?.path ?? '', 'the fake imports nothing');
  };
  readonly #server = new Server();
  readonly #watchers = new Set<ServerWritableStream<{ id: string }, WatchRunResponseInput>>();

  /** Starts listening. @returns HOST:PORT */
  async start(): Promise<string> {
    this.#server.addService(RunServiceConstructor.service, this.#runService());
    this.#server.addService(CatalogServiceConstructor.service, this.#catalogService());
    this.#server.addService(ArtifactServiceConstructor.service, this.#artifactService());
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    return `127.0.0.1:${port}`;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  /** Stores bytes as an upload would. @returns their digest */
  store(bytes: Uint8Array): string {
    const digest = createHash('sha256').update(bytes).digest('hex');
    this.artifacts.set(digest, Buffer.from(bytes));
    return digest;
  }

  /** Adds events to a run and sends them to whoever watches it. */
  emit(id: string, ...events: WatchRunResponseInput[]): void {
    const kept = this.events.get(id) ?? [];
    for (const event of events) {
      const numbered = { ...event, sequence: kept.length + 1 };
      kept.push(numbered);
      for (const watcher of this.#watchers) if (watcher.request.id === id) watcher.write(numbered);
    }
    this.events.set(id, kept);
  }

  /** Ends a run: its state, the event, and the end of the streams that watch it. */
  end(id: string, state: RunState): void {
    const run = this.#run(id);
    run.state = state;
    this.emit(id, { runState: state });
    for (const watcher of this.#watchers) if (watcher.request.id === id) watcher.end();
  }

  #run(id: string): Run {
    const run = this.runs.get(id);
    if (run === undefined) throw new NotFound('run', id);
    return run;
  }

  #isBroken(method: string): { times: number; after: number } | undefined {
    const planned = this.breaks.get(method);
    if (planned === undefined || planned.times === 0) return undefined;
    planned.times -= 1;
    return planned;
  }

  #unary<Q, A>(method: string, handler: Handler<Q, A>) {
    return unary((request: Q) => {
      this.calls.push({ method, request });
      if (this.#isBroken(method) !== undefined) throw new Unavailable('fake', 'broken by the test');
      return handler(request);
    });
  }

  #runService(): UntypedServiceImplementation {
    return {
      ExpandPlan: this.#unary('ExpandPlan', () => ({ plan: { stages: [] } })),
      CreateRun: this.#unary('CreateRun', (request: CreateRunRequest) => ({ run: this.#create(request) })),
      GetRun: this.#unary('GetRun', ({ id }: { id: string }) => ({ run: this.#run(id) })),
      ListRuns: this.#unary('ListRuns', ({ pageToken }: { pageToken: string }) => {
        // One run a page, so that paging is always exercised.
        const all = [...this.runs.values()].reverse();
        const at = pageToken === '' ? 0 : Number(pageToken);
        return { runs: all.slice(at, at + 1), nextPageToken: at + 1 < all.length ? String(at + 1) : '' };
      }),
      CancelRun: this.#unary('CancelRun', ({ id }: { id: string }) => {
        this.end(id, 'RUN_STATE_CANCELLED');
        return { run: this.#run(id) };
      }),
      ResumeRun: this.#unary('ResumeRun', ({ id }: { id: string }) => ({ run: this.#resume(id) })),
      DeleteRun: this.#unary('DeleteRun', ({ id }: { id: string }) => {
        this.runs.delete(id);
        return {};
      }),
      WatchRun: (call: ServerWritableStream<{ id: string; afterSequence: number }, WatchRunResponseInput>) => this.#watch(call),
    };
  }

  #create(request: CreateRunRequest): Run {
    const known = [...this.runs.values()].find(({ id }) => id === `run-${request.requestId}`);
    if (known !== undefined) return known;
    const id = `run-${request.requestId}`;
    const plan = request.plan ?? { stages: [] };
    const run = {
      id,
      name: request.name,
      state: this.finalState,
      settings: request.settings,
      plan,
      stages: this.#statuses(request),
      failure: null,
      createdAt: null,
      startedAt: null,
      endedAt: null,
      lastSequence: 0,
    } satisfies Run;
    this.runs.set(id, run);
    this.emit(id, { runState: 'RUN_STATE_RUNNING' }, ...run.stages.map((stage) => ({ stage })));
    if (this.finalState !== 'RUN_STATE_RUNNING') this.emit(id, { runState: this.finalState });
    return run;
  }

  /** Goes on with a run: it ends as a new one would. */
  #resume(id: string): Run {
    const run = this.#run(id);
    run.stages = this.#statuses({ requestId: '', ...run });
    run.state = this.finalState;
    return run;
  }

  #statuses(request: CreateRunRequest): Run['stages'] {
    const results = this.resultsOf(request);
    return (request.plan?.stages ?? []).map(({ id }) => ({
      ...{ id, state: this.finalState, progress: null, result: (results[id] ?? null) as never },
      ...{ partialResult: null, failure: null, cached: false, seconds: 1 },
    }));
  }

  #watch(call: ServerWritableStream<{ id: string; afterSequence: number }, WatchRunResponseInput>): void {
    const { id, afterSequence } = call.request;
    this.calls.push({ method: 'WatchRun', request: call.request });
    const run = this.runs.get(id);
    if (run === undefined) {
      call.emit('error', failure(new NotFound('run', id)));
      return;
    }
    const due = (this.events.get(id) ?? []).filter(({ sequence }) => Number(sequence) > afterSequence);
    const broken = this.#isBroken('WatchRun');
    for (const event of broken === undefined ? due : due.slice(0, broken.after)) call.write(event);
    if (broken !== undefined) call.emit('error', failure(new Unavailable('fake', 'broken by the test')));
    else if (run.state !== 'RUN_STATE_RUNNING' && run.state !== 'RUN_STATE_QUEUED') call.end();
    else {
      this.#watchers.add(call);
      call.once('close', () => this.#watchers.delete(call));
      call.once('cancelled', () => this.#watchers.delete(call));
    }
  }

  #catalogService(): UntypedServiceImplementation {
    return {
      ImportNetwork: this.#unary('ImportNetwork', async (request: CatalogServiceImportNetworkRequest) => {
        const entry = await this.importNetwork(request);
        this.networks.set(entry.name, entry);
        return { entry };
      }),
      ExportNetwork: this.#unary('ExportNetwork', ({ network }: { network: string }) => ({
        fileDigest: this.store(Buffer.from(`exported ${network}`)),
      })),
      GetNetwork: this.#unary('GetNetwork', ({ network }: { network: string }) => ({ entry: find(this.networks, network, 'network') })),
      ListNetworks: this.#unary('ListNetworks', () => ({ entries: [...this.networks.values()] })),
      DeleteNetwork: this.#unary('DeleteNetwork', ({ name }: { name: string }) => ({ deleted: this.networks.delete(name) })),
      ImportDataset: this.#unary('ImportDataset', async (request: CatalogServiceImportDatasetRequest) => {
        const entry = await this.importDataset(request);
        this.datasets.set(entry.name, entry);
        return { entry };
      }),
      GetDataset: this.#unary('GetDataset', ({ dataset }: { dataset: string }) => ({ entry: find(this.datasets, dataset, 'data set') })),
      ListDatasets: this.#unary('ListDatasets', () => ({ entries: [...this.datasets.values()] })),
      DeleteDataset: this.#unary('DeleteDataset', ({ name }: { name: string }) => ({ deleted: this.datasets.delete(name) })),
      ImportAdversarialSet: this.#unary('ImportAdversarialSet', ({ fileDigest }: { fileDigest: string }) => ({
        digest: fileDigest,
        count: 1,
      })),
    };
  }

  #artifactService(): UntypedServiceImplementation {
    return {
      Upload: (call: ServerReadableStream<UploadRequest, object>, callback: sendUnaryData<object>) => {
        this.#receive(call).then(
          (answer) => callback(null, answer),
          (error: unknown) => callback(failure(error)),
        );
      },
      Download: (call: ServerWritableStream<{ digest: string; offset: number }, object>) => {
        const { digest, offset } = call.request;
        this.calls.push({ method: 'Download', request: call.request });
        const bytes = this.artifacts.get(digest);
        if (bytes === undefined) {
          call.emit('error', failure(new NotFound('artifact', digest)));
          return;
        }
        const broken = this.#isBroken('Download');
        const until = broken === undefined ? bytes.length : offset + broken.after;
        for (let at = offset; at < until; at += 1000) {
          call.write({ offset: at, chunk: bytes.subarray(at, Math.min(at + 1000, until)), size: bytes.length });
        }
        if (broken === undefined) call.end();
        else call.emit('error', failure(new Unavailable('fake', 'broken by the test')));
      },
      Stat: this.#unary('Stat', ({ digest }: { digest: string }) => {
        const bytes = this.artifacts.get(digest);
        return { exists: bytes !== undefined, size: bytes?.length ?? 0, received: this.received.get(digest)?.length ?? 0 };
      }),
    };
  }

  async #receive(call: ServerReadableStream<UploadRequest, object>): Promise<object> {
    const chunks: Buffer[] = [];
    let digest = '';
    for await (const message of call as AsyncIterable<UploadRequest>) {
      if (message.header) {
        const { offset } = message.header;
        digest = message.header.digest;
        this.calls.push({ method: 'Upload', request: { digest, offset } });
        chunks.push((this.received.get(digest) ?? Buffer.alloc(0)).subarray(0, offset));
      } else if (message.chunk) chunks.push(message.chunk);
    }
    const broken = this.#isBroken('Upload');
    if (broken !== undefined) {
      this.received.set(digest, Buffer.concat(chunks).subarray(0, broken.after));
      throw new Unavailable('fake', 'broken by the test');
    }
    const stored = this.store(Buffer.concat(chunks));
    if (stored !== digest) {
      this.artifacts.delete(stored);
      throw new InvalidArgument('header.digest', digest, `must be the SHA-256 of the bytes, which is ${stored}`);
    }
    return { digest, size: Buffer.concat(chunks).length, existed: false };
  }
}

function find<T extends NetworkEntry | DatasetEntry>(entries: ReadonlyMap<string, T>, nameOrDigest: string, what: string): T {
  const byDigest = [...entries.values()].find(
    (entry) => ('network' in entry ? entry.network?.digest : entry.dataset?.digest) === nameOrDigest,
  );
  const entry = entries.get(nameOrDigest) ?? byDigest;
  if (entry === undefined) throw new NotFound(what, nameOrDigest);
  return entry;
}
