import type { ArtifactStore } from '@rift/artifacts';
import type { Logger } from '@rift/service-kit';
import type { Database } from '../database/database.js';
import { datasetInfoCodec, planCodec, settingsCodec, stageResultCodec } from '../messages/codec.js';

/** Digests as they stand in messages. */
const DIGEST = /^[0-9a-f]{64}$/;
const DAY_MS = 86_400_000;

/** How artifacts are collected. */
export interface CollectorOptions {
  readonly database: Database;
  readonly artifacts: ArtifactStore;
  /** Time between two sweeps, in milliseconds; an artifact goes when two sweeps in a row found nothing that refers to it. */
  readonly intervalMs: number;
  /** Days after their last use for which results of deleted runs are kept for other runs. */
  readonly keepDays: number;
  readonly logger: Logger;
}

/**
 * Removes artifacts that nothing refers to: no registered name, no run, no kept result. What was just uploaded and is not yet referred
 * to is safe for at least one interval.
 */
export class Collector {
  #candidates = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<unknown> | undefined;

  constructor(private readonly options: CollectorOptions) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#sweeping ??= this.sweep()
        .catch((error: unknown) => this.options.logger.warn({ err: error }, 'artifacts could not be collected; trying again later'))
        .finally(() => (this.#sweeping = undefined));
    }, this.options.intervalMs).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  /** Looks once at all artifacts. @returns how many were removed */
  async sweep(): Promise<number> {
    const { artifacts, logger } = this.options;
    await this.#dropOldResults();
    const referred = await this.#referred();
    const unreferred = new Set<string>();
    const doomed: string[] = [];
    for await (const { digest } of artifacts.list()) {
      if (referred.has(digest)) continue;
      if (this.#candidates.has(digest)) doomed.push(digest);
      else unreferred.add(digest);
    }
    this.#candidates = unreferred;
    for (const digest of doomed) await artifacts.delete(digest);
    if (doomed.length > 0) logger.info({ removed: doomed.length }, 'artifacts collected');
    return doomed.length;
  }

  async #dropOldResults(): Promise<void> {
    const { database, keepDays } = this.options;
    const before = new Date(Date.now() - keepDays * DAY_MS);
    await database.run((db) =>
      db
        .deleteFrom('results')
        .where('used_at', '<', before)
        .where((where) => where.not(where.exists(where.selectFrom('runs').select('id').whereRef('runs.id', '=', 'results.run_id'))))
        .execute(),
    );
  }

  async #referred(): Promise<Set<string>> {
    const { database } = this.options;
    const found = new Set<string>();
    const add = (value: unknown): void => digestsIn(value, found);
    for (const table of ['networks', 'datasets'] as const) {
      const rows = await database.run((db) => db.selectFrom(table).select(['digest', 'info']).execute());
      for (const row of rows) {
        add(row.digest);
        if (table === 'datasets') add(datasetInfoCodec.decode(row.info));
      }
    }
    for (const row of await database.run((db) => db.selectFrom('runs').select(['settings', 'plan', 'inputs']).execute())) {
      add(settingsCodec.decode(row.settings));
      add(planCodec.decode(row.plan));
      add(row.inputs);
    }
    for (const row of await database.run((db) => db.selectFrom('results').select('artifacts').execute())) add(row.artifacts);
    // Results of stages hold an entry per image; they are read one run at a time.
    for (const { id } of await database.run((db) => db.selectFrom('runs').select('id').execute())) {
      const stages = await database.run((db) => db.selectFrom('stages').select('result').where('run_id', '=', id).execute());
      for (const { result } of stages) if (result) add(stageResultCodec.decode(result));
    }
    return found;
  }
}

/** Collects every digest in a message, wherever it stands: a field that is added later is not forgotten. */
function digestsIn(value: unknown, found: Set<string>): void {
  if (typeof value === 'string') {
    if (DIGEST.test(value)) found.add(value);
  } else if (Array.isArray(value)) {
    for (const item of value) digestsIn(item, found);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    for (const [key, item] of Object.entries(value)) {
      digestsIn(key, found);
      digestsIn(item, found);
    }
  }
}
