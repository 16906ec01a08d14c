import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '@rift/service-kit';

const CHANNEL = 'rift_runs';
const FENCE_CHANNEL = 'rift_fences';
const RECONNECT_MS = 500;

/**
 * Hears of changes to runs made by any orchestrator on this database (LISTEN/NOTIFY). A notice carries the run's identifier and
 * no content; whoever waits reads the tables. Notices may be lost while the connection is away, so waiters also look by the clock.
 */
export class ChangeChannel {
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #client: pg.Client | undefined;
  #closed = false;

  constructor(
    private readonly url: string,
    private readonly logger: Logger,
  ) {}

  /** Name to notify in a transaction that changes a run. */
  static readonly channel = CHANNEL;
  /** Name to notify in a transaction that takes a run from whoever executes it. */
  static readonly fences = FENCE_CHANNEL;

  /** Listens, and listens again whenever the connection is lost. */
  async open(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url, keepAlive: true });
    client.on('error', () => undefined);
    client.on('notification', (notice) => this.#changes.emit(notice.channel, notice.payload ?? ''));
    await client.connect();
    try {
      await client.query(`LISTEN ${CHANNEL}; LISTEN ${FENCE_CHANNEL}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    // Not before: a connection that never came up ends too, and its end would start a second loop beside the one that tries.
    client.once('end', () => void this.#reopen());
    this.#client = client;
  }

  async #reopen(): Promise<void> {
    while (!this.#closed) {
      await setTimeout(RECONNECT_MS);
      try {
        if (!this.#closed) await this.open();
        return;
      } catch (error) {
        this.logger.debug({ err: error }, 'the connection for change notices is away');
      }
    }
  }

  /** Calls back whenever a run is taken from whoever executes it. */
  onFence(listener: (runId: string) => void): void {
    this.#changes.on(FENCE_CHANNEL, listener);
  }

  /** Resolves at the next change of the run, after the time given, or when the signal fires. */
  async next(runId: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const waited = new AbortController();
    const wake = (): void => waited.abort();
    const hear = (changed: string): void => {
      if (changed === runId) wake();
    };
    this.#changes.on(CHANNEL, hear);
    signal.addEventListener('abort', wake, { once: true });
    try {
      if (!signal.aborted) await setTimeout(timeoutMs, undefined, { signal: waited.signal }).catch(() => undefined);
    } finally {
      this.#changes.off(CHANNEL, hear);
      signal.removeEventListener('abort', wake);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.end().catch(() => undefined);
  }
}
