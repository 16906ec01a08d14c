import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { EnvironmentError } from '@rift/service-kit';

import { readConfig } from './config.js';

describe('readConfig', () => {
  it('gives every setting a value that works on one machine', () => {
    const config = readConfig({});
    assert.equal(config.RIFT_ATTACKER_ADDRESS, '127.0.0.1:50052');
    assert.match(config.RIFT_ARTIFACTS, /^file:\/\/\/.*\/\.rift\/artifacts$/);
    assert.match(config.RIFT_WORK_DIR, /^\/.*\/\.rift\/work$/);
    assert.deepEqual(
      [config.RIFT_THREADS, config.RIFT_DEVICE, config.RIFT_LOG_LEVEL, config.RIFT_PERTURB_STREAMS, config.RIFT_PERTURB_IDLE_SECONDS],
      [0, 'auto', 'info', 4, 60],
    );
    assert.equal(config.RIFT_HTTP_ADDRESS, undefined);
  });

  it('runs no programs unless that is said', () => {
    assert.equal(readConfig({}).RIFT_ALLOW_TORCHSCRIPT, false);
    assert.equal(readConfig({ RIFT_ALLOW_TORCHSCRIPT: 'true' }).RIFT_ALLOW_TORCHSCRIPT, true);
  });

  it('makes the work folder absolute, so that paths given to the engine do not depend on where it runs', () => {
    assert.equal(readConfig({ RIFT_WORK_DIR: '/var/rift/../work' }).RIFT_WORK_DIR, '/var/work');
  });

  const wrong: Record<string, string> = {
    RIFT_ATTACKER_ADDRESS: 'localhost',
    RIFT_ARTIFACTS: '/var/artifacts',
    RIFT_THREADS: '-1',
    RIFT_DEVICE: 'gpu',
    RIFT_HTTP_ADDRESS: '9090',
    RIFT_LOG_LEVEL: 'loud',
    RIFT_WORK_DAYS: '0',
    RIFT_DRAIN_SECONDS: 'soon',
    RIFT_CACHE_GIB: '0',
    RIFT_ALLOW_TORCHSCRIPT: 'yes',
    RIFT_PERTURB_STREAMS: '0',
    RIFT_PERTURB_IDLE_SECONDS: '1.5',
  };
  for (const [name, value] of Object.entries(wrong)) {
    it(`refuses ${name}=${value} and names it`, () => {
      assert.throws(
        () => readConfig({ [name]: value }),
        (error: unknown) =>
          error instanceof EnvironmentError && error.problems.length === 1 && error.problems[0]?.startsWith(`${name} is `) === true,
      );
    });
  }

  it('names all bad variables at once', () => {
    assert.throws(
      () => readConfig(wrong),
      (error: unknown) => error instanceof EnvironmentError && error.problems.length === Object.keys(wrong).length,
    );
  });
});
