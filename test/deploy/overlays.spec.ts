// Rules that every rendered overlay, and every component on the base, must keep.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  COMPONENTS,
  OPTIONAL,
  OVERLAYS,
  baseWith,
  nameOf,
  noKustomize,
  overlay,
  workloads,
  type Container,
  type Manifest,
} from '../support/manifests.js';

const CLUSTER_SCOPED = new Set(['Namespace']);

const CASES: readonly (readonly [string, () => Manifest[]])[] = [
  ...OVERLAYS.map((name) => [`overlay ${name}`, () => overlay(name)] as const),
  ['base', () => baseWith()],
  ['base with options', () => baseWith(...OPTIONAL)],
];

/** Runs a check on every case, and says which one broke it. */
function everywhere(check: (manifests: readonly Manifest[], where: string) => void): void {
  for (const [where, manifests] of CASES) check(manifests(), where);
}

function eachContainer(check: (container: Container, where: string) => void): void {
  everywhere((manifests, where) => {
    for (const workload of workloads(manifests)) {
      const { containers, initContainers = [] } = workload.spec.template.spec;
      for (const container of [...containers, ...initContainers]) check(container, `${where}: ${workload.metadata.name}/${container.name}`);
    }
  });
}

function eachPod(check: (workload: ReturnType<typeof workloads>[number], where: string, manifests: readonly Manifest[]) => void): void {
  everywhere((manifests, where) => {
    for (const workload of workloads(manifests)) check(workload, `${where}: ${workload.metadata.name}`, manifests);
  });
}

describe('rendered manifests', { skip: noKustomize ?? false }, () => {
  it('are there for every overlay, and every component is in one of the cases', () => {
    assert.deepEqual(OVERLAYS, ['local', 'production', 'production-gpu']);
    assert.deepEqual([...new Set([...OPTIONAL, 'external-database', 'keda'])].sort(), COMPONENTS);
    everywhere((manifests, where) => {
      const names = workloads(manifests).map(nameOf);
      for (const name of ['attacker', 'orchestrator', 'trainer']) assert.ok(names.includes(name), `${where} has no ${name}`);
    });
  });

  it('carry the part-of label and the namespace of the overlay', () => {
    everywhere((manifests, where) => {
      for (const { kind, metadata } of manifests) {
        const object = `${where}: ${kind}/${metadata.name}`;
        assert.equal(metadata.labels?.['app.kubernetes.io/part-of'], 'rift', object);
        if (!CLUSTER_SCOPED.has(kind)) assert.equal(metadata.namespace, where.startsWith('base') ? 'elsewhere' : 'rift', object);
      }
    });
  });

  it('hold no secret: values come from Secrets that operators make', () => {
    everywhere((manifests, where) => {
      assert.deepEqual(
        manifests.filter(({ kind }) => kind === 'Secret').map(({ metadata }) => metadata.name),
        [],
        where,
      );
      for (const { data = {}, metadata } of manifests) {
        for (const [name, value] of Object.entries(data)) {
          assert.doesNotMatch(`${name}=${value}`, /(PASSWORD|TOKEN|SECRET|KEY_ID)=.|:\/\/[^/\s]*:[^/\s]*@/i, `${where}: ${metadata.name}`);
        }
      }
    });
  });

  it('put nothing on the host and nothing in the cloud provider’s hands', () => {
    everywhere((manifests, where) => {
      for (const { kind, metadata, spec } of manifests) {
        if (kind === 'Service') assert.ok(!['NodePort', 'LoadBalancer'].includes(String(spec?.['type'])), `${where}: ${metadata.name}`);
      }
    });
    eachPod(({ spec }, where) => {
      const pod = spec.template.spec;
      assert.ok(pod.hostNetwork !== true && pod.hostPID !== true, where);
      assert.ok(!(pod.volumes ?? []).some((volume) => volume.hostPath !== undefined), `${where} mounts a folder of the host`);
    });
  });
});

describe('pods', { skip: noKustomize ?? false }, () => {
  it('keep the restricted pod security standard', () => {
    eachPod(({ spec }, where) => {
      const { securityContext } = spec.template.spec;
      assert.equal(securityContext?.runAsNonRoot, true, where);
      assert.ok((securityContext.runAsUser ?? 0) > 0, `${where} runs as root`);
      assert.equal(securityContext.seccompProfile?.type, 'RuntimeDefault', where);
    });
    eachContainer(({ securityContext }, where) => {
      assert.equal(securityContext?.allowPrivilegeEscalation, false, where);
      assert.equal(securityContext.readOnlyRootFilesystem, true, where);
      assert.notEqual(securityContext.privileged, true, where);
      assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] }, where);
    });
  });

  it('have a service account of their own without a token', () => {
    eachPod(({ spec, metadata }, where, manifests) => {
      const { serviceAccountName, automountServiceAccountToken } = spec.template.spec;
      assert.equal(serviceAccountName, metadata.name, where);
      assert.equal(automountServiceAccountToken, false, where);
      const account = manifests.find(({ kind, metadata: { name } }) => kind === 'ServiceAccount' && name === serviceAccountName);
      assert.equal((account as { automountServiceAccountToken?: boolean } | undefined)?.automountServiceAccountToken, false, where);
    });
  });

  it('get no variables of other services', () => {
    eachPod(({ spec }, where) => assert.equal(spec.template.spec.enableServiceLinks, false, where));
  });

  it('have a pinned image', () => {
    eachContainer(({ image }, where) => {
      assert.match(image, /:[^/]+$/, where);
      assert.doesNotMatch(image, /:latest\b/, where);
    });
  });

  it('ask for processor, memory and disk, and have a limit of memory and disk', () => {
    eachContainer(({ resources }, where) => {
      for (const name of ['cpu', 'memory', 'ephemeral-storage']) assert.ok(resources?.requests?.[name], `${where} asks for no ${name}`);
      for (const name of ['memory', 'ephemeral-storage']) assert.ok(resources?.limits?.[name], `${where} has no limit of ${name}`);
    });
    eachPod(({ spec }, where) => {
      for (const { name, emptyDir } of spec.template.spec.volumes ?? []) {
        if (emptyDir !== undefined) assert.ok(emptyDir.sizeLimit, `${where}: volume ${name} has no size limit`);
      }
    });
  });

  it('are probed for start, readiness and life, and may take minutes to start', () => {
    eachContainer((container, where) => {
      const { startupProbe, readinessProbe, livenessProbe } = container;
      for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
        assert.ok(probe, `${where} lacks a probe`);
        const ways = [probe.grpc, probe.httpGet, probe.exec].filter((way) => way !== undefined);
        assert.equal(ways.length, 1, `${where} has a probe with ${ways.length} ways`);
      }
      assert.ok((startupProbe?.periodSeconds ?? 0) * (startupProbe?.failureThreshold ?? 0) >= 120, `${where} must start too soon`);
    });
  });

  it('mount what they declare and declare what they mount', () => {
    eachPod(({ spec }, where) => {
      const { volumes = [], containers } = spec.template.spec;
      const declared = [...volumes, ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata)].map(({ name }) => name).sort();
      const mounted = new Set(containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)));
      assert.deepEqual([...mounted].sort(), declared, where);
    });
  });

  it('may be evicted one at a time', () => {
    eachPod(({ spec }, where, manifests) => {
      const budgets = manifests.filter(
        (one) =>
          one.kind === 'PodDisruptionBudget' &&
          JSON.stringify((one.spec?.['selector'] as { matchLabels?: unknown } | undefined)?.matchLabels) ===
            JSON.stringify(spec.selector.matchLabels),
      );
      assert.equal(budgets.length, 1, where);
      assert.equal(budgets[0]?.spec?.['maxUnavailable'], 1, where);
    });
  });
});

describe('services of RiFT', { skip: noKustomize ?? false }, () => {
  it('are spread over the nodes', () => {
    eachPod((workload, where) => {
      if (nameOf(workload) === 'postgres') return;
      assert.equal(workload.spec.template.spec.topologySpreadConstraints?.length, 1, where);
    });
  });

  it('have a selector that matches the pods of one workload alone', () => {
    everywhere((manifests, where) => {
      for (const service of manifests.filter(({ kind }) => kind === 'Service')) {
        const selector = Object.entries(service.spec?.['selector'] as Record<string, string>);
        const matched = workloads(manifests).filter(({ spec }) =>
          selector.every(([key, value]) => spec.template.metadata.labels[key] === value),
        );
        assert.equal(matched.length, 1, `${where}: ${service.metadata.name}`);
      }
    });
  });

  it('leave the number of workers to the scaler that has it', () => {
    for (const scaler of ['keda', 'hpa']) {
      const manifests = baseWith(scaler);
      const targets = manifests
        .filter(({ kind }) => kind === 'ScaledObject' || kind === 'HorizontalPodAutoscaler')
        .map(({ spec }) => (spec?.['scaleTargetRef'] as { name: string }).name);
      assert.deepEqual(targets.sort(), ['rift-attacker', 'rift-trainer']);
      for (const workload of workloads(manifests).filter(({ metadata }) => targets.includes(metadata.name))) {
        assert.equal(workload.spec.replicas, undefined, `${scaler}: ${workload.metadata.name}`);
      }
    }
  });

  it('run on one device each: no second pod while the first one holds it', () => {
    everywhere((manifests, where) => {
      for (const { kind, metadata, spec } of manifests) {
        if (kind !== 'Deployment') continue;
        const { rollingUpdate } = spec?.['strategy'] as { rollingUpdate: Record<string, number> };
        assert.deepEqual(rollingUpdate, { maxSurge: 0, maxUnavailable: 1 }, `${where}: ${metadata.name}`);
      }
    });
  });
});
