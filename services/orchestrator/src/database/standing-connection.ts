import { setTimeout } from 'node:timers/promises';
import pg from 'pg';

const RECONNECT_MS = 500;

/** What makes a connection worth having. */
export interface Standing {
  /** Makes a fresh connection what it is for; one that fails is given up. */
  prepare(client: pg.Client): Promise<void>;
  /** Told of every attempt to be connected again that failed; says whether to go on trying. */
  onAway(error: unknown): boolean;
}

/**
 * A connection outside the pool, for what lives as long as a connection does: LISTEN and locks. When it is lost, another takes its
 * place as soon as the server is back.
 */
export class StandingConnection {
  #client: pg.Client | undefined;
  #closed = false;

  constructor(
    private readonly url: string,
    private readonly standing: Standing,
  ) {}

  /** The connection; none while the server is away. */
  get client(): pg.Client | undefined {
    return this.#client;
  }

  /** Connects, and connects again whenever the connection is lost. @throws what connecting or preparing threw */
  async open(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url, keepAlive: true });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await this.standing.prepare(client);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    if (this.#closed) return client.end().catch(() => undefined);
    // Not before: a connection that never came up ends too, and its end would start a second loop beside the one that tries.
    client.once('end', () => void this.#reopen());
    this.#client = client;
  }

  async #reopen(): Promise<void> {
    this.#client = undefined;
    while (!this.#closed) {
      await setTimeout(RECONNECT_MS);
      try {
        if (!this.#closed) await this.open();
        return;
      } catch (error) {
        if (!this.standing.onAway(error)) return;
      }
    }
  }

  /** Ends the connection for good. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.end().catch(() => undefined);
  }
}
