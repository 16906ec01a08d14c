import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { FailedPrecondition, type Logger } from '@rift/service-kit';

import { StandingConnection } from './standing-connection.js';

/** First half of the advisory locks' keys: keeps them apart from other users of the same database. */
const LOCK_SPACE = 0x52694654;
const WAIT_MS = 15_000;
const RETRY_MS = 100;

/** Seconds until the server notices that a holder's machine is gone; the holder of a killed process is noticed at once. */
const KEEPALIVE = ['tcp_keepalives_idle = 10', 'tcp_keepalives_interval = 5', 'tcp_keepalives_count = 3'];

/**
 * An orchestrator's claim on its executor id: a lock in the database that lives as long as the connection that holds it. It tells
 * whether an executor is alive without any clock, and keeps two processes from executing the same runs under one id.
 */
export class ExecutorLock {
  readonly #connection: StandingConnection;

  /** @param onLost called when the lock went to another process while the connection was away */
  constructor(
    url: string,
    readonly executorId: string,
    logger: Logger,
    onLost: (reason: unknown) => void,
  ) {
    this.#connection = new StandingConnection(url, {
      prepare: async (client) => {
        for (const setting of KEEPALIVE) await client.query(`SET ${setting}`);
        await this.#waitForLock(client);
      },
      // The server went away and the lock with it: nobody else may have taken it by the time the server is back.
      onAway: (error) => {
        if (error instanceof FailedPrecondition) {
          onLost(error);
          return false;
        }
        logger.debug({ err: error }, 'the connection that holds the executor lock is away');
        return true;
      },
    });
  }

  /**
   * Takes the lock; waits a while for the connection of a process that was just killed to be noticed.
   *
   * @throws FailedPrecondition when another process holds it.
   */
  async acquire(): Promise<void> {
    await this.#connection.open();
  }

  async #waitForLock(client: pg.Client): Promise<void> {
    const giveUpAt = performance.now() + WAIT_MS;
    while (!(await tryLock(client, this.executorId))) {
      if (performance.now() > giveUpAt) {
        throw new FailedPrecondition(
          `executor "${this.executorId}"`,
          'another orchestrator runs under this id on this database: stop it, or give each its own RIFT_EXECUTOR_ID',
        );
      }
      await setTimeout(RETRY_MS);
    }
  }

  /** Whether no process holds the lock of the executor. */
  async isDead(executorId: string): Promise<boolean> {
    if (executorId === this.executorId) return false;
    const { client } = this.#connection;
    if (!client) return false;
    const free = await tryLock(client, executorId);
    if (free) await client.query('SELECT pg_advisory_unlock($1::int, hashtext($2))', [LOCK_SPACE, executorId]);
    return free;
  }

  async release(): Promise<void> {
    await this.#connection.close();
  }
}

async function tryLock(client: pg.Client, executorId: string): Promise<boolean> {
  const found = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1::int, hashtext($2)) AS locked', [
    LOCK_SPACE,
    executorId,
  ]);
  return found.rows[0]?.locked === true;
}
