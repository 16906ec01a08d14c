// The services as pods: each in a network namespace of its own, with the settings, names and ports of overlay "local", runs the sample
// job; meanwhile the trainers are scaled to two and the first one is killed.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { nameOf, noKustomize, overlay, workloads } from '../support/manifests.js';
import { variablesOf } from '../support/pod-settings.js';
import { PodNetwork, noNamespaces, type Pod } from '../support/pods.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MINUTE = 60_000;
const RUN = [
  ...['run', '--network', join(ROOT, 'samples/resnet18-w16.safetensors'), '--data', join(ROOT, 'samples/cifar10'), '--json'],
  ...['--limit-criticality', '64', '--limit-train', '128', '--limit-selection', '48', '--limit-test', '48', '--limit-corruption', '16'],
  ...['--corruptions', 'fog', '--severities', '3', '--alphas', '0:1:0.5', '--epochs', '1', '--restarts', '1'],
  ...['--endpoint', 'rift-orchestrator:50051'],
];

interface Result {
  readonly module: string;
  readonly alpha: number;
  readonly before: unknown;
  readonly after: unknown;
}

describe('services in network namespaces', { skip: noKustomize ?? noNamespaces() ?? false }, () => {
  it('run the sample job through names of the manifests, over a scale-up and the loss of a trainer, with the numbers of one trainer', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rift-pods-'));
    const manifests = overlay('local');
    /** Settings of the manifest, with folders of this test in place of its volumes. */
    const settings = (name: string, cache = 'artifacts'): Record<string, string> => {
      const workload = workloads(manifests).find((one) => nameOf(one) === name);
      assert.ok(workload);
      const volumes = {
        RIFT_ARTIFACTS: pathToFileURL(join(folder, cache)).href,
        RIFT_THREADS: '1',
        ...(name === 'orchestrator' ? { RIFT_HOME: join(folder, 'home') } : { RIFT_WORK_DIR: join(folder, `work-${name}`) }),
        ...(name === 'trainer' ? { RIFT_IMPORT_ROOT: join(ROOT, 'samples') } : {}),
      };
      return { ...variablesOf(workload, manifests), ...volumes };
    };
    try {
      await using network = await PodNetwork.create(folder);
      const start = async (name: string, service: string): Promise<Pod> => {
        const pod = network.pod(name, join(ROOT, 'services', service, 'dist/main.js'), settings(service));
        await pod.said(/ listens"/, 2 * MINUTE);
        network.join(`rift-${service}`, pod);
        return pod;
      };
      await start('attacker', 'attacker');
      const first = await start('trainer-0', 'trainer');
      await start('orchestrator', 'orchestrator');
      const run = (name: string, ...more: string[]): Pod => {
        const home = join(folder, name);
        mkdirSync(home);
        return network.pod(name, join(ROOT, 'packages/cli/dist/main.js'), { RIFT_HOME: home }, [...RUN, '-o', join(home, 'out'), ...more]);
      };
      const disturbed = run('client-0');
      await first.said(/"kind":"criticality".*job done/, 8 * MINUTE);

      const second = await start('trainer-1', 'trainer');
      await second.said(/"kind":"criticality".*job began/, 2 * MINUTE);
      first.kill('SIGKILL');
      network.leave('rift-trainer', first);
      assert.equal(await disturbed.ended(), 0, disturbed.output.slice(-4000));
      assert.match(second.output, /"kind":"criticality".*job done/);

      const alone = run('client-1', '--no-cache');
      assert.equal(await alone.ended(), 0, alone.output.slice(-4000));
      const result = (pod: Pod): Result => {
        const [document = ''] = /^\{.*\}$/m.exec(pod.output) ?? [];
        // How fast it went is no figure of the network.
        const withoutSpeed = (key: string, value: unknown): unknown => (key === 'imagesPerSecond' ? undefined : value);
        const { module, alpha, before, after } = JSON.parse(document, withoutSpeed) as Result;
        return { module, alpha, before, after };
      };
      assert.deepEqual(result(disturbed), result(alone));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
