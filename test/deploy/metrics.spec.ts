// Alerts, dashboard and scalers ask for figures that the services serve, and every alert has its runbook.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { parse as parseYaml } from 'yaml';

import { certificateMetric, gpuMetrics } from '@rift/service-kit';
import { JobMetrics } from '@rift/worker-kit';
import { OrchestratorMetrics } from '@rift/orchestrator/metrics';

import { K8S, OPTIONAL, baseWith, noKustomize } from '../support/manifests.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Figures of Prometheus itself, the kubelet and kube-state-metrics. */
const FOREIGN = /^(up|kubelet_|container_|kube_)/;

/** Names of all figures that services serve. */
async function served(): Promise<Set<string>> {
  const metrics = new OrchestratorMetrics(undefined);
  metrics.watch({ pools: {}, executing: () => 0 });
  new JobMetrics(metrics);
  gpuMetrics(metrics.registry);
  certificateMetric(metrics.registry, '/nowhere');
  const found = (await metrics.registry.getMetricsAsJSON()).flatMap(({ name, type }) =>
    String(type) === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  );
  // Set up by every service when it starts.
  return new Set([...found, 'service_ready']);
}

/** Names of figures in a PromQL expression: words that are followed by a selector, a range or an operator, and are no functions. */
function asked(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '""')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\b(by|without|on|ignoring) \([^)]*\)/g, '')
    .replace(/\[[^\]]*\]/g, '');
  return [...bare.matchAll(/\b[a-z_][a-z0-9_]*\b(?!\s*\()/g)].map(([name]) => name).filter((name) => /_|^up$/.test(name));
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

const alerts = parseYaml(readFileSync(join(K8S, 'components/metrics/alerts.yaml'), 'utf8')) as {
  spec: { groups: { rules: Rule[] }[] };
};
const rules = alerts.spec.groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(join(K8S, 'components/metrics/dashboard.json'), 'utf8')) as {
  panels: { title: string; targets?: { expr: string }[] }[];
};

function check(known: Set<string>, expression: string, where: string): void {
  const names = asked(expression);
  assert.ok(names.length > 0, `${where} asks for nothing: ${expression}`);
  for (const name of names) if (!FOREIGN.test(name)) assert.ok(known.has(name), `${where} asks for ${name}, which no service serves`);
}

describe('figures', () => {
  it('that alerts and the dashboard ask for are served', async () => {
    const known = await served();
    for (const { alert, expr } of rules) check(known, expr, alert);
    for (const { title, targets = [] } of dashboard.panels) for (const { expr } of targets) check(known, expr, title);
  });

  it('that scalers go by are served', { skip: noKustomize ?? false }, async () => {
    const known = await served();
    for (const manifest of [...baseWith('keda'), ...baseWith(...OPTIONAL)]) {
      const text = JSON.stringify(manifest.spec ?? {});
      if (manifest.kind === 'ScaledObject') {
        const [, name = ''] = /"valueLocation":"(\w+)\{/.exec(text) ?? [];
        assert.ok(known.has(name), name);
      }
      if (manifest.kind === 'HorizontalPodAutoscaler') {
        const [, name = ''] = /"metric":\{"name":"(\w+)"/.exec(text) ?? [];
        assert.ok(known.has(name), name);
      }
    }
  });

  it('cover jobs, stages, images, queues, memory, errors and certificates', async () => {
    const known = await served();
    for (const name of [
      'rift_jobs_total',
      'rift_stage_seconds_bucket',
      'rift_images_per_second',
      'rift_units_waiting',
      'process_resident_memory_bytes',
      'gpu_memory_used_bytes',
      'grpc_server_handled_total',
      'tls_certificate_not_after_seconds',
    ]) {
      assert.ok(known.has(name), name);
    }
  });
});

describe('alerts', () => {
  it('have a severity, a summary and a runbook that exists', () => {
    const headings = new Set(
      [...readFileSync(join(ROOT, 'docs/operations.md'), 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase()),
    );
    for (const { alert, labels, annotations } of rules) {
      assert.match(labels.severity, /^(warning|critical)$/, alert);
      assert.ok(annotations.summary, alert);
      assert.equal(annotations.runbook, `docs/operations.md#${alert.toLowerCase()}`, alert);
      assert.ok(headings.has(alert.toLowerCase()), `docs/operations.md says nothing of ${alert}`);
    }
  });
});
