// Who may talk to whom: the NetworkPolicies are evaluated as a network plugin does, and must give the arrows of docs/architecture.md.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { OPTIONAL, baseWith, noKustomize, overlay, workloads, nameOf, type Manifest } from '../support/manifests.js';

interface Selector {
  readonly matchLabels?: Record<string, string>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values: readonly string[] }[];
}
interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}
interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port: number | string }[];
}
interface Policy {
  readonly podSelector: Selector;
  readonly policyTypes: readonly string[];
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
}
interface Place {
  readonly name: string;
  readonly pod: Record<string, string>;
  readonly namespace: Record<string, string>;
  readonly ports: Record<string, number>;
  readonly address?: string;
}

const OURS = { 'kubernetes.io/metadata.name': 'rift' };
const elsewhere = (name: string, pod: Record<string, string>, ports: Record<string, number> = {}, more = {}): Place => ({
  name,
  pod,
  namespace: { 'kubernetes.io/metadata.name': name, ...more },
  ports,
});

/** Places outside the installation. */
const OUTSIDE: readonly Place[] = [
  elsewhere('kube-system', { 'k8s-app': 'kube-dns' }, { dns: 53 }),
  elsewhere('stranger', { app: 'stranger' }),
  elsewhere('caller', { app: 'caller' }, {}, { 'rift.dev/client': 'true' }),
  elsewhere('monitoring', { app: 'prometheus' }),
  elsewhere('keda', { app: 'keda-operator' }),
  elsewhere('gateway', { app: 'envoy' }),
  elsewhere('observability', { app: 'collector' }, { otlp: 4318 }),
  { name: 'internet', pod: {}, namespace: {}, ports: { https: 443, postgres: 5432, http: 80 }, address: '203.0.113.7' },
];

function placesOf(manifests: readonly Manifest[]): Place[] {
  const pods = workloads(manifests).map((workload): Place => {
    const { metadata, spec } = workload.spec.template;
    const ports = spec.containers.flatMap(({ ports: declared = [] }) => declared.map(({ name, containerPort }) => [name, containerPort]));
    return { name: nameOf(workload), pod: metadata.labels, namespace: OURS, ports: Object.fromEntries(ports) as Record<string, number> };
  });
  return [...pods, ...OUTSIDE];
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Record<string, string>): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      assert.equal(operator, 'In');
      return values.includes(labels[key] ?? '');
    })
  );
}

function includes(peer: Peer, place: Place): boolean {
  if (peer.ipBlock !== undefined) return place.address !== undefined;
  if (place.address !== undefined) return false;
  const inNamespace = peer.namespaceSelector === undefined ? place.namespace === OURS : matches(peer.namespaceSelector, place.namespace);
  return inNamespace && (peer.podSelector === undefined || matches(peer.podSelector, place.pod));
}

/** Whether the policies let `from` reach port `port` of `to`. */
function allowed(policies: readonly Policy[], from: Place, to: Place, [name, port]: readonly [string, number]): boolean {
  const passes = (place: Place, other: Place, direction: 'Ingress' | 'Egress'): boolean => {
    if (place.namespace !== OURS) return true;
    const own = policies.filter(({ podSelector, policyTypes }) => policyTypes.includes(direction) && matches(podSelector, place.pod));
    if (own.length === 0) return true;
    const rules = own.flatMap((policy) => (direction === 'Ingress' ? policy.ingress : policy.egress) ?? []);
    return rules.some(
      (rule) =>
        ((direction === 'Ingress' ? rule.from : rule.to) ?? []).some((peer) => includes(peer, other)) &&
        (rule.ports ?? []).some((one) => one.port === name || one.port === port),
    );
  };
  return passes(from, to, 'Egress') && passes(to, from, 'Ingress');
}

/** Every arrow that ends or begins in the installation, as "FROM → TO:PORT". */
function arrowsOf(manifests: readonly Manifest[]): string[] {
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy').map(({ spec }) => spec as unknown as Policy);
  const places = placesOf(manifests);
  return places.flatMap((from) =>
    places.flatMap((to) =>
      from === to || (from.namespace !== OURS && to.namespace !== OURS)
        ? []
        : Object.entries(to.ports)
            .filter((port) => allowed(policies, from, to, port))
            .map(([name]) => `${from.name} → ${to.name}:${name}`),
    ),
  );
}

const BASE = [
  'attacker → kube-system:dns',
  'caller → orchestrator:grpc',
  'orchestrator → attacker:grpc',
  'orchestrator → kube-system:dns',
  'orchestrator → trainer:grpc',
  'trainer → kube-system:dns',
];
const STORE = ['attacker → internet:https', 'orchestrator → internet:https', 'trainer → internet:https'];
const METRICS = ['monitoring → attacker:operations', 'monitoring → orchestrator:operations', 'monitoring → trainer:operations'];

describe('network policies', { skip: noKustomize ?? false }, () => {
  /** Apart from the web page, whose port callers have wherever they have gRPC. */
  const arrows = (manifests: readonly Manifest[]): string[] =>
    arrowsOf(manifests)
      .filter((arrow) => !arrow.endsWith('orchestrator:http'))
      .sort();

  it('allow the arrows of the architecture in the base and nothing else', () => {
    assert.deepEqual(arrows(overlay('local')), BASE);
  });

  it('allow production its store, its database, its metrics and its scaler, and nothing else', () => {
    const expected = [...BASE, ...STORE, ...METRICS, 'orchestrator → internet:postgres', 'keda → orchestrator:operations'];
    assert.deepEqual(arrows(overlay('production')), expected.sort());
  });

  it('give the database in the cluster to the orchestrator alone', () => {
    const all = arrows(baseWith(...OPTIONAL));
    assert.deepEqual(
      all.filter((arrow) => arrow.includes('postgres')),
      ['orchestrator → postgres:postgres', 'postgres → kube-system:dns'],
    );
    assert.deepEqual(
      all.filter((arrow) => arrow.startsWith('gateway')),
      ['gateway → orchestrator:grpc'],
    );
  });

  it('keep the metadata service of the cloud shut', () => {
    for (const { spec } of [...overlay('production'), ...baseWith(...OPTIONAL)].filter(({ kind }) => kind === 'NetworkPolicy')) {
      for (const { to = [] } of (spec as unknown as Policy).egress ?? []) {
        for (const { ipBlock } of to) if (ipBlock !== undefined) assert.deepEqual(ipBlock.except, ['169.254.0.0/16']);
      }
    }
  });
});
