import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Metadata } from '@grpc/grpc-js';
import { EnvironmentError, FailedPrecondition, PermissionDenied, Unauthenticated, readEnvironment } from '@rift/service-kit';

import { isLoopback, roleFor, workerGate } from './security.js';
import { WORKER_SETTINGS, type WorkerSettings } from './settings.js';

const settings = (variables: Record<string, string> = {}): WorkerSettings => readEnvironment(WORKER_SETTINGS, variables);

describe('workerGate', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rift-security-'));
    writeFileSync(join(folder, 'tokens'), 'read reader-reader-reader\nsubmit submitter-submitter orchestrator\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('asks for nothing where nothing is set', async () => {
    const gate = workerGate(settings());
    assert.equal(gate.asksForToken, false);
    assert.equal(gate.serverOptions().credentials, undefined);
    assert.equal((await gate.admit(new Metadata(), '/x/Train', '127.0.0.1:1')).caller, '127.0.0.1');
  });

  it('refuses half a pair of TLS files', () => {
    assert.throws(() => workerGate(settings({ RIFT_TLS_CERT: 'a.crt' })), EnvironmentError);
    assert.throws(() => workerGate(settings({ RIFT_TLS_CLIENT_CA: 'ca.crt' })), /RIFT_TLS_CLIENT_CA needs/);
  });

  it('refuses TLS and token files that cannot be read', () => {
    const absent = join(folder, 'absent');
    assert.throws(() => workerGate(settings({ RIFT_TLS_CERT: absent, RIFT_TLS_KEY: absent })).serverOptions(), FailedPrecondition);
    assert.throws(() => workerGate(settings({ RIFT_TOKENS: absent })), FailedPrecondition);
  });

  it('asks for a token, and for one that may start work where work is started', async () => {
    const gate = workerGate(settings({ RIFT_TOKENS: join(folder, 'tokens') }));
    const bearing = (token: string): Metadata => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      return metadata;
    };
    const train = '/rift.trainer.v1.TrainerService/TrainAdversarially';
    const inspect = '/rift.trainer.v1.ConversionService/InspectNetwork';
    const admit = (metadata: Metadata, path: string) => gate.admit(metadata, path, '10.0.0.1:5');
    await assert.rejects(admit(new Metadata(), inspect), Unauthenticated);
    await assert.rejects(admit(bearing('reader-reader-reader'), train), PermissionDenied);
    assert.deepEqual(await admit(bearing('submitter-submitter'), train), { caller: 'orchestrator', role: 'submit', audited: true });
    assert.equal((await admit(bearing('reader-reader-reader'), inspect)).audited, false);
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
