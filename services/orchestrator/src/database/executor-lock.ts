import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { FailedPrecondition, type Logger } from '@rift/service-kit';

/** First half of the advisory locks' keys: keeps them apart from other users of the same database. */
const LOCK_SPACE = 0x52694654;
const WAIT_MS = 15_000;
const RETRY_MS = 100;
const RECONNECT_MS = 500;

/** Seconds until the server notices that a holder's machine is gone; the holder of a killed process is noticed at once. */
const KEEPALIVE = ['tcp_keepalives_idle = 10', 'tcp_keepalives_interval = 5', 'tcp_keepalives_count = 3'];

/**
 * An orchestrator's claim on its executor id: a lock in the database that lives as long as the connection that holds it. It tells
 * whether an executor is alive without any clock, and keeps two processes from executing the same runs under one id.
 */
export class ExecutorLock {
  #client: pg.Client | undefined;
  #released = false;

  constructor(
    private readonly url: string,
    readonly executorId: string,
    private readonly logger: Logger,
    /** Called when the lock went to another process while the connection was away. */
    private readonly onLost: (reason: unknown) => void,
  ) {}

  /**
   * Takes the lock; waits a while for the connection of a process that was just killed to be noticed.
   *
   * @throws FailedPrecondition when another process holds it.
   */
  async acquire(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url, keepAlive: true });
    client.on('error', () => undefined);
    await client.connect();
    try {
      for (const setting of KEEPALIVE) await client.query(`SET ${setting}`);
      await this.#waitForLock(client);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    client.once('end', () => void this.#acquireAgain());
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

  /** The server went away and the lock with it: nobody else may have taken it by the time the server is back. */
  async #acquireAgain(): Promise<void> {
    this.#client = undefined;
    while (!this.#released) {
      await setTimeout(RECONNECT_MS);
      try {
        if (!this.#released) await this.acquire();
        return;
      } catch (error) {
        if (error instanceof FailedPrecondition) return this.onLost(error);
        this.logger.debug({ err: error }, 'the connection that holds the executor lock is away');
      }
    }
  }

  /** Whether no process holds the lock of the executor. */
  async isDead(executorId: string): Promise<boolean> {
    if (executorId === this.executorId) return false;
    const client = this.#client;
    if (!client) return false;
    const free = await tryLock(client, executorId);
    if (free) await client.query('SELECT pg_advisory_unlock($1::int, hashtext($2))', [LOCK_SPACE, executorId]);
    return free;
  }

  async release(): Promise<void> {
    this.#released = true;
    await this.#client?.end().catch(() => undefined);
  }
}

async function tryLock(client: pg.Client, executorId: string): Promise<boolean> {
  const found = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1::int, hashtext($2)) AS locked', [
    LOCK_SPACE,
    executorId,
  ]);
  return found.rows[0]?.locked === true;
}
