// Strict schemas of the current Kubernetes version. Kinds of operators have none here: the API server of `npm run verify:k8s` knows them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { stringify } from 'yaml';

import { KUBERNETES_VERSION, findValidator, type Command } from '../support/deploy-tools.js';
import { OPTIONAL, OVERLAYS, baseWith, noKustomize, overlay, type Manifest } from '../support/manifests.js';

const found = noKustomize === undefined ? findValidator() : { missing: noKustomize };

/** Whether Kubernetes itself has the kind. */
function isBuiltIn({ apiVersion }: Manifest): boolean {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return !group.includes('.') || (group.endsWith('.k8s.io') && !/^(gateway\.networking|kueue\.x-k8s)/.test(group));
}

function validate(manifests: readonly Manifest[]): { status: number | null; output: string } {
  if ('missing' in found) throw new Error(found.missing);
  const folder = mkdtempSync(join(tmpdir(), 'rift-schema-'));
  try {
    const file = join(folder, 'manifests.yaml');
    writeFileSync(file, manifests.map((manifest) => stringify(manifest, { aliasDuplicateObjects: false })).join('---\n'));
    const [program, ...args]: Command = found.command;
    const { status, stdout, stderr } = spawnSync(program, [...args, '--strict', '-k', KUBERNETES_VERSION, '--quiet', file], {
      encoding: 'utf8',
    });
    return { status, output: `${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe(`schemas of Kubernetes ${KUBERNETES_VERSION}`, { skip: 'missing' in found ? found.missing : false }, () => {
  for (const name of OVERLAYS) {
    it(`fit overlay ${name}`, () => {
      const { status, output } = validate(overlay(name).filter(isBuiltIn));
      assert.equal(status, 0, output);
    });
  }

  it('fit the base with the components that no overlay uses', () => {
    const { status, output } = validate(baseWith(...OPTIONAL).filter(isBuiltIn));
    assert.equal(status, 0, output);
  });

  it('refuse a field that does not exist, so that the check is known to bite', () => {
    const [first] = overlay('local').filter(({ kind }) => kind === 'StatefulSet');
    assert.ok(first);
    const { status, output } = validate([{ ...first, spec: { ...first.spec, replica: 1 } }]);
    assert.notEqual(status, 0);
    assert.match(output, /replica/);
  });
});
