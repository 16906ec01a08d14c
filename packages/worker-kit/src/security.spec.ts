import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Metadata } from '@grpc/grpc-js';
import { EnvironmentError, FailedPrecondition, PermissionDenied, Unauthenticated } from '@rift/service-kit';

import { isLoopback, roleFor, workerSecurity, type SecuritySettings } from './security.js';

const NONE: SecuritySettings = { RIFT_TLS_CERT: undefined, RIFT_TLS_KEY: undefined, RIFT_TLS_CLIENT_CA: undefined, RIFT_TOKENS: undefined };

describe('workerSecurity', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rift-security-'));
    writeFileSync(join(folder, 'tokens'), 'read reader-reader-reader\nsubmit submitter-submitter\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('lets everybody in where nothing is set', () => {
    assert.deepEqual(workerSecurity(NONE), {});
  });

  it('refuses half a pair of TLS files', () => {
    assert.throws(() => workerSecurity({ ...NONE, RIFT_TLS_CERT: 'a.crt' }), EnvironmentError);
    assert.throws(() => workerSecurity({ ...NONE, RIFT_TLS_CLIENT_CA: 'ca.crt' }), /RIFT_TLS_CLIENT_CA needs/);
  });

  it('refuses TLS and token files that cannot be read', () => {
    const absent = join(folder, 'absent');
    assert.throws(() => workerSecurity({ ...NONE, RIFT_TLS_CERT: absent, RIFT_TLS_KEY: absent }), FailedPrecondition);
    assert.throws(() => workerSecurity({ ...NONE, RIFT_TOKENS: absent }), FailedPrecondition);
  });

  it('asks for a token, and for one that may start work where work is started', () => {
    const { authorize } = workerSecurity({ ...NONE, RIFT_TOKENS: join(folder, 'tokens') });
    const bearing = (token: string): Metadata => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      return metadata;
    };
    const train = '/rift.trainer.v1.TrainerService/TrainAdversarially';
    const inspect = '/rift.trainer.v1.ConversionService/InspectNetwork';
    assert.throws(() => authorize?.(new Metadata(), inspect), Unauthenticated);
    assert.throws(() => authorize?.(bearing('reader-reader-reader'), train), PermissionDenied);
    assert.doesNotThrow(() => authorize?.(bearing('reader-reader-reader'), inspect));
    assert.doesNotThrow(() => authorize?.(bearing('submitter-submitter'), train));
  });
});

describe('roleFor', () => {
  it('asks for submit for every method it does not know to be reading', () => {
    assert.equal(roleFor('/rift.attacker.v1.AttackerService/Perturb'), 'submit');
    assert.equal(roleFor('/rift.later.v1.Service/Anything'), 'submit');
    assert.equal(roleFor('/grpc.health.v1.Health/Check'), 'read');
  });
});

describe('isLoopback', () => {
  it('tells addresses of this machine alone from the others', () => {
    assert.deepEqual(['127.0.0.1', 'localhost', '::1', '0.0.0.0', '::', '10.0.0.1'].map(isLoopback), [
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
