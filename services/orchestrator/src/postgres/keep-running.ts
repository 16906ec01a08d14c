import { setTimeout } from 'node:timers/promises';
import type { Logger } from '@rift/service-kit';
import type { EmbeddedPostgres } from './embedded-postgres.js';

const LOOK_MS = 500;

/**
 * Starts the built-in server again whenever its process is gone: it is nobody's child, so nobody else would. Statements that met it
 * down are tried again by those who made them.
 *
 * @returns ends the watching; called before the server is stopped on purpose.
 */
export function keepRunning(postgres: Pick<EmbeddedPostgres, 'revive'>, logger: Logger): () => Promise<void> {
  const stop = new AbortController();
  const watch = async (): Promise<void> => {
    for (;;) {
      await setTimeout(LOOK_MS, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
      if (stop.signal.aborted) return;
      try {
        if (await postgres.revive()) logger.warn('the built-in PostgreSQL had died and was started again');
      } catch (error) {
        logger.warn({ err: error }, 'the built-in PostgreSQL has died and could not be started; trying again');
      }
    }
  };
  const watching = watch();
  return async () => {
    stop.abort();
    await watching;
  };
}
