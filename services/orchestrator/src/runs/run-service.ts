import { randomUUID } from 'node:crypto';
import type { Plan, Run, RunSettings, WatchRunResponse } from '@rift/contracts';
import { InvalidArgument, NotFound, ResourceExhausted } from '@rift/service-kit';
import { check, computeSpec, rules } from '@rift/validation';
import type { CatalogService } from '../catalog/catalog-service.js';
import type { ChangeChannel } from '../database/channel.js';
import type { Database } from '../database/database.js';
import type { StoredState } from '../database/schema.js';
import type { RunExecutor } from '../execution/run-executor.js';
import type { WorkflowEngine } from '../execution/workflow-engine.js';
import { hashOf } from '../messages/canonical.js';
import { pageCursor, pageSizeOf, pageToken } from '../messages/page-token.js';
import { expandPlan } from '../plan/expand.js';
import { validatePlan } from '../plan/validate.js';
import { readEvents, readLog } from './event-store.js';
import { datasetOf, resolveInputs } from './run-inputs.js';
import { runMessage, type RunRecord } from './run-record.js';
import { sameRequest, type RunStore } from './run-store.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const MAX_NAME = 200;
/** When to ask again for room among the active runs; runs take minutes. */
const BUSY_RETRY_MS = 10_000;
/** Change notices can be lost with their connection; the log is looked at this often anyway. */
const LOOK_AGAIN_MS = 1000;

const NO_SETTINGS: RunSettings = {
  network: '',
  dataset: '',
  profile: 'PROFILE_UNSPECIFIED',
  seed: 0,
  compute: null,
  noCache: false,
  limits: null,
  priority: 0,
};

/** A run to create, as received. */
export interface CreateRun {
  readonly requestId: string;
  readonly name: string;
  readonly settings: RunSettings | null;
  readonly plan: Plan | null;
}

/** What runs are made of. */
export interface RunServiceParts {
  readonly database: Database;
  readonly store: RunStore;
  readonly catalog: CatalogService;
  readonly engine: Pick<WorkflowEngine, 'start' | 'forget'>;
  readonly executor: Pick<RunExecutor, 'abort'>;
  readonly changes: ChangeChannel;
  readonly executorId: string;
  readonly maxActiveRuns: number;
}

/** Everything that is done with runs from outside. */
export class RunService {
  constructor(private readonly parts: RunServiceParts) {}

  /** The complete plan that create() would make of the settings. */
  async expand(received: RunSettings | null): Promise<Plan> {
    const settings = checkSettings(received);
    return expandPlan(settings, await datasetOf(this.parts.catalog, settings));
  }

  /**
   * Accepts a run and starts it. The same request gives the same run, also while names have come to stand for something else.
   *
   * @throws InvalidArgument, NotFound, AlreadyExists, ResourceExhausted.
   */
  async create(request: CreateRun): Promise<Run> {
    const { store, engine, executorId } = this.parts;
    const { requestId, name } = request;
    if (!UUID.test(requestId)) throw new InvalidArgument('request_id', requestId, 'must be a UUID chosen by the caller');
    if ([...name].length > MAX_NAME) throw new InvalidArgument('name', name, `must be at most ${MAX_NAME} characters`);
    const settings = checkSettings(request.settings);
    const requestHash = hashOf({ name, settings: request.settings, plan: request.plan });

    const known = await store.findByRequest(requestId);
    const record = known ? sameRequest(known, requestHash) : await this.#record(request, settings, requestHash);
    // A repeated request also starts what the first one recorded and, killed in between, did not start.
    if (record.run.state === 'QUEUED' && record.run.executor === executorId) await engine.start(record.run.id, record.run.attempt);
    return runMessage(record);
  }

  async #record({ requestId, name, plan: sent }: CreateRun, settings: RunSettings, requestHash: string): Promise<RunRecord> {
    const { store, catalog, executorId } = this.parts;
    const { plan, dataset } = await this.#prepare(settings, sent);
    const inputs = await resolveInputs(catalog, settings, plan, dataset);
    return store.create({ id: randomUUID(), requestId, requestHash, name, settings, plan, inputs, executor: executorId });
  }

  async #prepare(settings: RunSettings, sent: Plan | null) {
    const { store, catalog, maxActiveRuns } = this.parts;
    const active = await store.countActive();
    if (active >= maxActiveRuns) {
      throw new ResourceExhausted('the orchestrator', `${active} runs are queued or running, the limit is ${maxActiveRuns}`, BUSY_RETRY_MS);
    }
    const dataset = await datasetOf(catalog, settings);
    const plan = sent ?? expandPlan(settings, dataset);
    validatePlan(plan, settings, dataset);
    return { plan, dataset };
  }

  /** @throws NotFound */
  async get(id: string): Promise<Run> {
    return runMessage(await this.parts.store.get(id));
  }

  async list(pageSize: number, token: string, state: StoredState | undefined): Promise<{ runs: Run[]; nextPageToken: string }> {
    const size = pageSizeOf(pageSize);
    const after = pageCursor(token);
    const records = await this.parts.store.list(size + 1, after && { createdAt: after.createdAt, id: after.key }, state);
    const page = records.slice(0, size);
    const last = page.at(-1)?.run;
    const nextPageToken = records.length > size && last ? pageToken({ createdAt: last.created_at, key: last.id }) : '';
    return { runs: page.map(runMessage), nextPageToken };
  }

  /** The newest lines of a run's log, oldest first; none for a run that does not exist. */
  log(id: string, lines: number): Promise<WatchRunResponse[]> {
    return readLog(this.parts.database, id, lines);
  }

  /** Stops a run and, at once, what is being computed for it here; other orchestrators are told. */
  async cancel(id: string): Promise<Run> {
    const record = await this.parts.store.cancel(id);
    this.parts.executor.abort(id);
    return runMessage(record);
  }

  async resume(id: string): Promise<Run> {
    const { store, engine, executorId } = this.parts;
    const record = await store.resume(id, executorId);
    await engine.start(id, record.run.attempt);
    return runMessage(record);
  }

  async remove(id: string): Promise<void> {
    const run = await this.parts.store.remove(id);
    await this.parts.engine.forget(id, run.attempt);
  }

  /**
   * The events of a run after a number, to the end of the run. Nothing is held for a slow reader: what it has not taken yet lies in the
   * log, where newer progress replaces older.
   *
   * @throws NotFound when there is no such run, or it is deleted meanwhile.
   */
  async *watch(id: string, afterSequence: number, signal: AbortSignal): AsyncGenerator<WatchRunResponse, void, void> {
    const { database, changes } = this.parts;
    let last = afterSequence;
    while (!signal.aborted) {
      const page = await readEvents(database, id, last);
      if (!page.found) throw new NotFound('run', id, 'list the runs to see which there are');
      for (const event of page.events) {
        yield event;
        last = event.sequence;
      }
      if (page.ended) return;
      if (page.events.length === 0) await changes.next(id, LOOK_AGAIN_MS, signal);
    }
  }
}

function checkSettings(received: RunSettings | null): RunSettings {
  const settings = received ?? NO_SETTINGS;
  if (settings.compute) check(computeSpec, settings.compute, 'settings.compute');
  check(rules.between(-10, 10), settings.priority, 'settings.priority');
  return settings;
}
