// The settings in the manifests are those that the services read, and fit what stands around them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { readConfig as readAttacker } from '@rift/attacker';
import { SERVICE_NAMES } from '@rift/contracts';
import { readConfig as readOrchestrator } from '@rift/orchestrator';
import { readConfig as readTrainer } from '@rift/trainer';

import {
  OPTIONAL,
  OVERLAYS,
  baseWith,
  nameOf,
  noKustomize,
  overlay,
  workloads,
  type Manifest,
  type Workload,
} from '../support/manifests.js';
import { variablesOf, type Variables } from '../support/pod-settings.js';

const READERS: Record<string, (variables: Variables) => unknown> = {
  orchestrator: readOrchestrator,
  attacker: readAttacker,
  trainer: readTrainer,
};
const HEALTH: Record<string, string> = {
  orchestrator: SERVICE_NAMES.runs,
  attacker: SERVICE_NAMES.attacker,
  trainer: SERVICE_NAMES.trainer,
};
/** Read by a library that a service uses, not by the service. */
const FOREIGN = /^AWS_/;

let secret = '';
before(() => {
  secret = join(mkdtempSync(join(tmpdir(), 'rift-settings-')), 'value');
  writeFileSync(secret, 'postgresql://rift:x@rift-postgres:5432/rift\n');
});
after(() => rmSync(join(secret, '..'), { recursive: true }));

const CASES: readonly (readonly [string, () => Manifest[]])[] = [
  ...OVERLAYS.map((name) => [`overlay ${name}`, () => overlay(name)] as const),
  ['base with options', () => baseWith(...OPTIONAL)],
];

function eachService(check: (name: string, workload: Workload, variables: Variables, where: string) => void): void {
  for (const [where, manifests] of CASES) {
    for (const workload of workloads(manifests())) {
      const name = nameOf(workload);
      if (name in READERS) check(name, workload, variablesOf(workload, manifests()), `${where}: ${name}`);
    }
  }
}

describe('settings', { skip: noKustomize ?? false }, () => {
  it('are all read by the service, and valid', () => {
    eachService((name, _workload, variables, where) => {
      const read = new Set<string>();
      const files = Object.keys(variables).filter((variable) => variable.endsWith('_FILE') && !FOREIGN.test(variable));
      const given = { ...variables, ...Object.fromEntries(files.map((variable) => [variable, secret])) };
      const watched = new Proxy(given, {
        get: (target, variable: string) => {
          read.add(variable);
          return target[variable];
        },
      });
      assert.doesNotThrow(() => READERS[name]?.(watched), where);
      for (const variable of Object.keys(given)) {
        if (!FOREIGN.test(variable)) assert.ok(read.has(variable), `${where} sets ${variable}, which nobody reads`);
      }
    });
  });

  it('listen on all addresses, at the ports that the pod declares', () => {
    eachService((name, workload, variables, where) => {
      const [container] = workload.spec.template.spec.containers;
      const declared = Object.fromEntries((container?.ports ?? []).map((port) => [port.name, `0.0.0.0:${port.containerPort}`]));
      const expected: Variables = {
        grpc: variables[`RIFT_${name.toUpperCase()}_ADDRESS`] ?? '',
        operations: variables['RIFT_HTTP_ADDRESS'] ?? '',
      };
      if (variables['RIFT_WEB_ADDRESS'] !== undefined) expected['http'] = variables['RIFT_WEB_ADDRESS'];
      assert.deepEqual(declared, expected, where);
    });
  });

  it('name workers by Services of the manifests, at the ports that these have', () => {
    for (const [where, manifests] of CASES) {
      const orchestrator = workloads(manifests()).find((workload) => nameOf(workload) === 'orchestrator');
      assert.ok(orchestrator);
      const variables = variablesOf(orchestrator, manifests());
      for (const worker of ['attacker', 'trainer']) {
        const [, host, port] = /^dns:\/\/\/([^:]+):(\d+)$/.exec(variables[`RIFT_${worker.toUpperCase()}S`] ?? '') ?? [];
        const service = manifests().find(({ kind, metadata }) => kind === 'Service' && metadata.name === host);
        assert.equal(service?.spec?.['clusterIP'], 'None', `${where}: ${worker}s must be a headless Service`);
        const ports = service?.spec?.['ports'] as { port: number; name: string }[];
        assert.ok(
          ports.some((one) => one.name === 'grpc' && one.port === Number(port)),
          `${where}: ${worker}`,
        );
      }
    }
  });

  it('leave time to drain: the grace is longer than the sleep before the signal and the drain together', () => {
    eachService((_name, workload, variables, where) => {
      const { terminationGracePeriodSeconds = 30, containers } = workload.spec.template.spec;
      const sleep = containers[0]?.lifecycle?.preStop?.sleep?.seconds ?? 0;
      assert.ok(sleep >= 5, `${where} does not wait for its endpoint to go`);
      assert.ok(terminationGracePeriodSeconds >= sleep + Number(variables['RIFT_DRAIN_SECONDS']) + 10, where);
    });
  });

  it('ask the health of the service that the pod offers; over HTTP where gRPC is behind TLS', () => {
    eachService((name, workload, variables, where) => {
      const [container] = workload.spec.template.spec.containers;
      const port = Number(variables[`RIFT_${name.toUpperCase()}_ADDRESS`]?.split(':')[1]);
      if (variables['RIFT_TLS_CERT'] === undefined) {
        assert.deepEqual(container?.readinessProbe?.grpc, { port, service: HEALTH[name] }, where);
        assert.deepEqual(container?.livenessProbe?.grpc, { port }, where);
        assert.deepEqual(container?.startupProbe?.grpc, { port }, where);
      } else {
        assert.deepEqual(container?.readinessProbe?.httpGet, { path: '/readyz', port: 'operations' }, where);
        assert.deepEqual(container?.livenessProbe?.httpGet, { path: '/livez', port: 'operations' }, where);
        assert.deepEqual(container?.startupProbe?.httpGet, { path: '/livez', port: 'operations' }, where);
      }
    });
  });

  it('write to volumes alone, since the root file system is read-only', () => {
    eachService((_name, workload, variables, where) => {
      const [container] = workload.spec.template.spec.containers;
      const mounts = (container?.volumeMounts ?? []).map(({ mountPath }) => mountPath);
      const artifacts = variables['RIFT_ARTIFACTS'] ?? '';
      const written = [variables['RIFT_HOME'], variables['RIFT_WORK_DIR'], /^file:\/\/(.*)$/.exec(artifacts)?.[1]];
      for (const path of written) if (path !== undefined) assert.ok(mounts.includes(path), `${where} has no volume at ${path}`);
      for (const [variable, value] of Object.entries(variables)) {
        if (value.startsWith('/etc/rift/'))
          assert.ok(
            mounts.some((mount) => value.startsWith(`${mount}/`)),
            `${where}: ${variable} is ${value}`,
          );
      }
    });
  });

  it('let several orchestrators run only on a database that they share', () => {
    for (const [where, manifests] of CASES) {
      const orchestrator = workloads(manifests()).find((workload) => nameOf(workload) === 'orchestrator');
      assert.ok(orchestrator);
      const variables = variablesOf(orchestrator, manifests());
      if ((orchestrator.spec.replicas ?? 1) > 1) assert.ok(variables['DATABASE_URL_FILE'], where);
    }
  });
});
