import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EnvironmentError } from '@rift/service-kit';
import { readConfig } from './config.js';

describe('readConfig', () => {
  it('needs nothing to be set', () => {
    const config = readConfig({});
    assert.equal(config.address, '127.0.0.1:50051');
    assert.deepEqual(config.attackers, ['127.0.0.1:50052']);
    assert.equal(config.databaseUrl, undefined);
  });

  it('keeps artifacts under RIFT_HOME unless told otherwise', () => {
    assert.equal(readConfig({ RIFT_HOME: '/srv/rift' }).artifacts, 'file:///srv/rift/artifacts');
    assert.equal(readConfig({ RIFT_HOME: '/srv/rift', RIFT_ARTIFACTS: '/data' }).artifacts, 'file:///data');
    assert.equal(readConfig({ RIFT_ARTIFACTS: 's3://bucket/rift' }).artifacts, 's3://bucket/rift');
  });

  it('takes lists of workers by address and by name', () => {
    const config = readConfig({ RIFT_ATTACKERS: 'a:1, b:2', RIFT_TRAINERS: 'dns:///trainers.rift:50053' });
    assert.deepEqual(config.attackers, ['a:1', 'b:2']);
    assert.deepEqual(config.trainers, ['dns:///trainers.rift:50053']);
  });

  it('refuses half of a certificate', () => {
    assert.throws(() => readConfig({ RIFT_TLS_CERT: 'a.pem' }), /belong together/);
    assert.throws(() => readConfig({ RIFT_TLS_CLIENT_CA: 'ca.pem' }), /needs RIFT_TLS_CERT/);
  });

  it('names every bad variable at once', () => {
    assert.throws(
      () => readConfig({ RIFT_TRAINERS: 'nowhere', DATABASE_URL: 'mysql://x', RIFT_EXECUTOR_ID: 'a b', RIFT_MAX_ATTEMPTS: '0' }),
      (error) => error instanceof EnvironmentError && error.problems.length === 4,
    );
  });
});
