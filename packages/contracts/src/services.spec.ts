import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { PROTO_FILES, PROTO_ROOT } from './loader.js';
import { SERVICE_NAMES, methodsOf } from './services.js';

/** "package.Service" and its rpc names of every service block in the sources, read without proto-loader. */
function declaredServices(): Map<string, string[]> {
  const services = new Map<string, string[]>();
  for (const file of PROTO_FILES) {
    const source = readFileSync(join(PROTO_ROOT, file), 'utf8');
    const area = /^package (.+);$/m.exec(source)?.[1] ?? '';
    for (const block of source.matchAll(/^service (\w+) \{([\s\S]*?)^\}/gm)) {
      services.set(
        `${area}.${block[1] ?? ''}`,
        [...(block[2] ?? '').matchAll(/^ {2}rpc (\w+)\(/gm)].map((rpc) => rpc[1] ?? ''),
      );
    }
  }
  return services;
}

describe('contracts', () => {
  it('name every service that the .proto files declare', () => {
    assert.deepEqual(Object.values(SERVICE_NAMES).sort(), [...declaredServices().keys()].sort());
  });

  it('list every RPC of every service in order of declaration', () => {
    const declared = declaredServices();
    for (const name of Object.values(SERVICE_NAMES)) {
      assert.deepEqual(
        methodsOf(name).map((method) => method.name),
        declared.get(name),
      );
    }
  });
});
