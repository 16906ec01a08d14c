import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createLogger } from '@rift/service-kit';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../postgres/embedded-postgres.js';
import { LossyProxy } from '../testing/lossy-proxy.js';
import { ChangeChannel } from './channel.js';
import { ExecutorLock } from './executor-lock.js';

describe('connections that are held open to the database', () => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  let folder: string;
  let postgres: EmbeddedPostgres;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rift-test-'));
    postgres = await startEmbeddedPostgres(join(folder, 'postgres'));
  });
  after(async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const holders = {
    'for notices of changes': async (url: string) => {
      const channel = new ChangeChannel(url, logger);
      await channel.open();
      return () => channel.close();
    },
    'for the lock of an executor': async (url: string) => {
      const lock = new ExecutorLock(url, 'held', logger, () => undefined);
      await lock.acquire();
      return () => lock.release();
    },
  };
  for (const [name, hold] of Object.entries(holders)) {
    it(`${name} are tried one at a time while the server is away`, async () => {
      const proxy = new LossyProxy(postgres.url, () => false);
      const close = await hold(await proxy.listen());
      proxy.goAway();
      while (proxy.refused.length < 4) await new Promise((resolve) => setTimeout(resolve, 50));
      await close();
      await proxy.close();
      const gaps = proxy.refused.slice(1).map((at, index) => at - (proxy.refused[index] ?? 0));
      assert.ok(
        gaps.every((gap) => gap > 400),
        `milliseconds between tries: ${gaps.map(Math.round).join(', ')}`,
      );
    });
  }
});
