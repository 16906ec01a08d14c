// A real API server takes every object of every overlay, as `kubectl apply --dry-run=server --validate=strict` would send it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { API_VERSION, ApiServer, findApiServer, findEtcd, operatorKinds } from '../support/api-server.js';
import { OPTIONAL, OVERLAYS, baseWith, noKustomize, overlay, workloads, type Manifest } from '../support/manifests.js';

const missing = ((): string | undefined => {
  if (noKustomize !== undefined) return noKustomize;
  for (const found of [findApiServer(), findEtcd()]) if ('missing' in found) return found.missing;
  return undefined;
})();

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

describe(`kube-apiserver ${API_VERSION}`, { skip: missing ?? false }, () => {
  let server: ApiServer;
  const resources = new Map<string, readonly Resource[]>();

  before(async () => {
    const [apiserver, etcd] = [findApiServer(), findEtcd()];
    assert.ok('command' in apiserver && 'command' in etcd);
    server = await ApiServer.start(apiserver.command, etcd.command);
    const found = operatorKinds();
    assert.ok('kinds' in found, 'missing' in found ? found.missing : '');
    for (const kind of found.kinds) {
      const { status, body } = await server.ask('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', kind);
      assert.ok(status === 201, `${(kind as Manifest).metadata.name}: ${body}`);
    }
    for (const name of ['rift', 'elsewhere']) {
      const labels = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'restricted' };
      const { status, body } = await server.ask('POST', '/api/v1/namespaces', {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, labels },
      });
      assert.equal(status, 201, body);
    }
  });
  after(() => server[Symbol.asyncDispose]());

  /** Where objects of the kind are posted to. New kinds take the server a moment to serve. */
  async function pathOf({ apiVersion, kind, metadata }: Manifest): Promise<string> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const until = Date.now() + 30_000;
    for (;;) {
      let known = resources.get(root)?.find((one) => one.kind === kind && !one.name.includes('/'));
      if (known === undefined) {
        const { status, body } = await server.ask('GET', root);
        if (status === 200) resources.set(root, (JSON.parse(body) as { resources: Resource[] }).resources);
        known = resources.get(root)?.find((one) => one.kind === kind && !one.name.includes('/'));
      }
      if (known !== undefined) return `${root}/${known.namespaced ? `namespaces/${metadata.namespace ?? 'default'}/` : ''}${known.name}`;
      assert.ok(Date.now() < until, `the API server knows no ${apiVersion} ${kind}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async function dryRun(manifest: Manifest) {
    return server.ask('POST', `${await pathOf(manifest)}?dryRun=All&fieldValidation=Strict`, manifest);
  }

  async function accepts(manifests: readonly Manifest[]): Promise<void> {
    for (const manifest of manifests) {
      if (manifest.kind === 'Namespace') continue;
      const { status, body, warnings } = await dryRun(manifest);
      assert.equal(status, 201, `${manifest.kind}/${manifest.metadata.name}: ${body}`);
      assert.deepEqual(warnings, [], `${manifest.kind}/${manifest.metadata.name}`);
    }
  }

  for (const name of OVERLAYS) {
    it(`accepts every object of overlay ${name}, strictly and without a warning`, async () => {
      await accepts(overlay(name));
    });
  }

  it('accepts the base with the components that no overlay uses', async () => {
    await accepts(baseWith(...OPTIONAL));
  });

  it('admits the pods themselves to a namespace that enforces the restricted standard', async () => {
    for (const workload of [...workloads(overlay('production-gpu')), ...workloads(baseWith(...OPTIONAL))]) {
      const { template } = workload.spec;
      const claims = (workload.spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => ({ name, emptyDir: {} }));
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...template.metadata, name: workload.metadata.name, namespace: workload.metadata.namespace ?? '' },
        spec: { ...template.spec, volumes: [...(template.spec.volumes ?? []), ...claims] },
      };
      const { status, body, warnings } = await dryRun(pod);
      assert.equal(status, 201, `${workload.metadata.name}: ${body}`);
      assert.deepEqual(warnings, []);
    }
  });

  it('refuses a field that does not exist and a pod that runs as root, so that the check is known to bite', async () => {
    const [first] = workloads(overlay('local'));
    assert.ok(first);
    const { status, body } = await dryRun({ ...first, spec: { ...first.spec, replica: 1 } });
    assert.equal(status, 400, body);
    assert.match(body, /unknown field \\"spec\.replica\\"/);
    const root = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'root', namespace: 'rift' },
      spec: { containers: [{ name: 'root', image: 'busybox:1', securityContext: { runAsUser: 0 } }] },
    };
    assert.equal((await dryRun(root)).status, 403);
  });
});
