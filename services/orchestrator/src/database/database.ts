import { setTimeout } from 'node:timers/promises';
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, Migrator } from 'kysely/migration';
import pg from 'pg';
import { FailedPrecondition, Internal, Unavailable, type Logger } from '@rift/service-kit';
import { first } from './migrations/0001-first.js';
import { partialResults } from './migrations/0002-partial-results.js';
import { writeTokens } from './migrations/0003-write-tokens.js';
import { lastUse } from './migrations/0004-last-use.js';
import type { Schema } from './schema.js';

/** Connections for our own statements; DBOS has a pool of its own. */
const POOL_SIZE = 10;
const CONNECT_TIMEOUT_MS = 10_000;
const RETRY_FOR_MS = 60_000;
const LONGEST_PAUSE_MS = 2_000;

/** How errors name it. */
const DATABASE = 'the database';

const MIGRATIONS = {
  '0001-first': first,
  '0002-partial-results': partialResults,
  '0003-write-tokens': writeTokens,
  '0004-last-use': lastUse,
};

/** A database or an open transaction of it. */
export type Executor = Kysely<Schema> | Transaction<Schema>;

/**
 * The orchestrator's tables. Statements that meet a database that is restarting are tried again for a minute, so a statement must
 * be safe to repeat: it may have taken effect although its answer was lost.
 */
export class Database {
  readonly #pool: pg.Pool;
  readonly #db: Kysely<Schema>;

  /** @param url connection string of a PostgreSQL server that keeps sessions (no transaction-level pooler between). */
  constructor(
    readonly url: string,
    private readonly logger: Logger,
  ) {
    this.#pool = new pg.Pool({ connectionString: url, max: POOL_SIZE, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
    // An idle connection that the server drops is replaced at the next statement.
    this.#pool.on('error', (error) => this.logger.debug({ err: error }, 'an idle database connection was lost'));
    // While a connection is borrowed between two statements, nobody else listens, and an error that nobody hears ends the process; the
    // next statement on it fails and tells.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    this.#db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: this.#pool }) });
  }

  /**
   * Brings the tables to the present version.
   *
   * @throws FailedPrecondition when a newer version has changed them; Internal when a migration fails; nothing of it remains.
   */
  async migrate(): Promise<void> {
    const migrator = new Migrator({ db: this.#db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
    const newer = await this.run(() => this.#unknownMigrations());
    if (newer.length > 0) {
      throw new FailedPrecondition(
        DATABASE,
        `a newer version of the orchestrator has changed its tables (${newer.join(', ')}); start that version, or restore a backup from before`,
      );
    }
    const { error, results } = await this.run(() => migrator.migrateToLatest());
    const failed = results?.find((result) => result.status === 'Error');
    if (error !== undefined) {
      throw new Internal(`The database could not be brought to the present version${failed ? ` (${failed.migrationName})` : ''}.`, {
        cause: error,
      });
    }
    for (const result of results ?? []) this.logger.info({ migration: result.migrationName }, 'database migrated');
  }

  /** Names of migrations that were applied and that this version does not know. */
  async #unknownMigrations(): Promise<string[]> {
    const tables = await this.#db.introspection.getTables({ withInternalKyselyTables: true });
    if (!tables.some(({ name }) => name === DEFAULT_MIGRATION_TABLE)) return [];
    const applied = await sql<{ name: string }>`SELECT name FROM ${sql.table(DEFAULT_MIGRATION_TABLE)} ORDER BY name`.execute(this.#db);
    return applied.rows.map(({ name }) => name).filter((name) => !(name in MIGRATIONS));
  }

  /**
   * Runs statements, again when the connection to the server was lost or refused.
   *
   * @throws Unavailable when the server stays away for a minute; the statement's own error otherwise.
   */
  async run<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + RETRY_FOR_MS;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work(this.#db);
      } catch (error) {
        if (!isConnectionError(error)) throw error;
        const pause = Math.min(LONGEST_PAUSE_MS, 50 * 2 ** attempt) * (0.5 + Math.random());
        if (performance.now() + pause > giveUpAt) throw new Unavailable(DATABASE, messageOf(error), { cause: error });
        this.logger.warn({ err: messageOf(error) }, 'the database is away; trying again');
        await setTimeout(pause);
      }
    }
  }

  /**
   * Runs statements in one transaction, which is repeated as a whole when the connection is lost.
   *
   * @param work is told whether it is a repetition: the one before may have been committed although its answer was lost.
   */
  transaction<T>(work: (transaction: Transaction<Schema>, isRepeated: boolean) => Promise<T>): Promise<T> {
    let tries = 0;
    return this.run((db) => {
      tries += 1;
      const isRepeated = tries > 1;
      return db.transaction().execute((transaction) => work(transaction, isRepeated));
    });
  }

  async close(): Promise<void> {
    await this.#db.destroy();
  }
}

/** SQLSTATE classes and codes of a server that is going down, starting up or gone. */
const CONNECTION_STATES = /^(08...|57P0[1235]|53300|25P03)$/;
const CONNECTION_ERRNOS = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAGAIN', 'ENOENT', 'EAI_AGAIN', 'ENOTFOUND']);

/** Whether work ended only because the database is away, for however long. */
export function isDatabaseAway(error: unknown): boolean {
  return isConnectionError(error) || (error instanceof Unavailable && error.target === DATABASE);
}

/** Whether the error tells of the connection and not of the statement. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isConnectionError);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    CONNECTION_STATES.test(code) ||
    CONNECTION_ERRNOS.has(code) ||
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(error.message)
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
