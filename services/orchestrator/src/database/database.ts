import { setTimeout } from 'node:timers/promises';
import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { Internal, Unavailable, type Logger } from '@rift/service-kit';
import { first } from './migrations/0001-first.js';
import { partialResults } from './migrations/0002-partial-results.js';
import { writeTokens } from './migrations/0003-write-tokens.js';
import type { Schema } from './schema.js';

/** Connections for our own statements; DBOS has a pool of its own. */
const POOL_SIZE = 10;
const CONNECT_TIMEOUT_MS = 10_000;
const RETRY_FOR_MS = 60_000;
const LONGEST_PAUSE_MS = 2_000;

const MIGRATIONS = { '0001-first': first, '0002-partial-results': partialResults, '0003-write-tokens': writeTokens };

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
    this.#db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: this.#pool }) });
  }

  /**
   * Brings the tables to the present version.
   *
   * @throws Internal when a migration fails; nothing of it remains.
   */
  async migrate(): Promise<void> {
    const migrator = new Migrator({ db: this.#db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
    const { error, results } = await this.run(() => migrator.migrateToLatest());
    const failed = results?.find((result) => result.status === 'Error');
    if (error !== undefined) {
      throw new Internal(`The database could not be brought to the present version${failed ? ` (${failed.migrationName})` : ''}.`, {
        cause: error,
      });
    }
    for (const result of results ?? []) this.logger.info({ migration: result.migrationName }, 'database migrated');
  }

  /**
   * Runs statements, again when the connection to the server was lost or refused.
   *
   * @throws Unavailable when the server stays away for a minute; the statement's own error otherwise.
   */
  async run<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    const giveUpAt = Date.now() + RETRY_FOR_MS;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work(this.#db);
      } catch (error) {
        if (!isConnectionError(error)) throw error;
        const pause = Math.min(LONGEST_PAUSE_MS, 50 * 2 ** attempt) * (0.5 + Math.random());
        if (Date.now() + pause > giveUpAt) throw new Unavailable('the database', messageOf(error), { cause: error });
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
const CONNECTION_ERRNOS = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'EAI_AGAIN', 'ENOTFOUND']);

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
