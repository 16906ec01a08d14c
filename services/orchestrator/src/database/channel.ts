import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from '@rift/service-kit';

import { StandingConnection } from './standing-connection.js';

const CHANNEL = 'rift_runs';
const FENCE_CHANNEL = 'rift_fences';

/**
 * Hears of changes to runs made by any orchestrator on this database (LISTEN/NOTIFY). A notice carries the run's identifier and
 * no content; whoever waits reads the tables. Notices may be lost while the connection is away, so waiters also look by the clock.
 */
export class ChangeChannel {
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #connection: StandingConnection;

  constructor(url: string, logger: Logger) {
    this.#connection = new StandingConnection(url, {
      prepare: async (client) => {
        client.on('notification', (notice) => this.#changes.emit(notice.channel, notice.payload ?? ''));
        await client.query(`LISTEN ${CHANNEL}; LISTEN ${FENCE_CHANNEL}`);
      },
      onAway: (error) => {
        logger.debug({ err: error }, 'the connection for change notices is away');
        return true;
      },
    });
  }

  /** Name to notify in a transaction that changes a run. */
  static readonly channel = CHANNEL;
  /** Name to notify in a transaction that takes a run from whoever executes it. */
  static readonly fences = FENCE_CHANNEL;

  /** Listens, and listens again whenever the connection is lost. */
  async open(): Promise<void> {
    await this.#connection.open();
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
    await this.#connection.close();
  }
}
