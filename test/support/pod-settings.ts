import assert from 'node:assert/strict';

import type { Manifest, Workload } from './manifests.js';

/** Variables of a container, by name. */
export type Variables = Record<string, string>;

const FROM_FIELDS: Variables = { 'metadata.name': 'rift-orchestrator-0', 'limits.cpu': '2' };

/** The variables of a workload's first container, as the kubelet would set them. */
export function variablesOf(workload: Workload, manifests: readonly Manifest[]): Variables {
  const [container] = workload.spec.template.spec.containers;
  assert.ok(container);
  const variables: Variables = {};
  for (const { configMapRef } of container.envFrom ?? []) {
    const map = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef.name);
    assert.ok(map, `${workload.metadata.name} refers to no ConfigMap ${configMapRef.name}`);
    Object.assign(variables, map.data);
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const field = valueFrom?.fieldRef?.fieldPath ?? valueFrom?.resourceFieldRef?.resource ?? '';
    variables[name] = value ?? FROM_FIELDS[field] ?? assert.fail(`${name} comes from ${field}, which this test does not know`);
  }
  return variables;
}
