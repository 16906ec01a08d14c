// Rules of the Dockerfile. That its steps make a service that starts is deploy/images/verify's to show.
import assert from 'node:assert/strict';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOCKERFILE = readFileSync(join(ROOT, 'deploy/images/Dockerfile'), 'utf8');

interface Stage {
  readonly name: string;
  readonly base: string;
  readonly lines: readonly string[];
}

/** The stages, their lines joined where they go on. */
function stages(): Stage[] {
  const found: { name: string; base: string; lines: string[] }[] = [];
  for (const line of DOCKERFILE.replace(/\\\n/g, ' ').split('\n')) {
    const [, base, name] = /^FROM (\S+) AS (\S+)$/.exec(line) ?? [];
    if (base !== undefined && name !== undefined) found.push({ name, base, lines: [] });
    else found.at(-1)?.lines.push(line);
  }
  return found;
}

/** A stage's own lines after those of the stages it stands on. */
function linesOf(name: string): string[] {
  const stage = stages().find((one) => one.name === name);
  return stage === undefined ? [] : [...linesOf(stage.base), ...stage.lines];
}

const SERVICES = ['orchestrator', 'attacker', 'trainer'];

describe('the Dockerfile', () => {
  it('has a target for each service', () => {
    const names = stages().map(({ name }) => name);
    for (const service of SERVICES) assert.ok(names.includes(service), service);
  });

  it('pins every base from outside by digest', () => {
    const names = new Set(stages().map(({ name }) => name));
    for (const { base } of stages()) {
      if (!names.has(base) && !base.includes('$')) assert.match(base, /^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/, base);
    }
  });

  it('runs every service as an unprivileged user, with a health command and a signal to stop', () => {
    for (const service of SERVICES) {
      const lines = linesOf(service);
      assert.ok(lines.includes('USER 65532:65532'), service);
      assert.ok(
        lines.some((line) => /^HEALTHCHECK .*CMD \["node", "\/app\/health\.mjs"\]/.test(line)),
        service,
      );
      assert.ok(lines.includes('STOPSIGNAL SIGTERM'), service);
      assert.ok(lines.includes(`CMD ["node", "services/${service}/dist/main.js"]`), service);
    }
  });

  it('installs nothing in what runs, and only names its user', () => {
    for (const service of SERVICES)
      assert.deepEqual(
        linesOf(service).filter((line) => line.startsWith('RUN ')),
        ['RUN --mount=type=bind,source=deploy/images/steps/account,target=/account /account /'],
        service,
      );
  });

  it('differs between CPU and CUDA by the libraries alone', () => {
    const variants = stages().filter(({ lines }) => lines.some((line) => /\b(cpu|cuda)\b/.test(line.replace(/^#.*/, ''))));
    assert.deepEqual(
      variants.map(({ name }) => name),
      ['libraries-cpu', 'libraries-cuda'],
    );
  });

  it('does its work by steps that can be run without it', () => {
    const steps = new Set([...DOCKERFILE.matchAll(/deploy\/images\/steps\/(\w+)/g)].map(([, step = '']) => step));
    assert.deepEqual([...steps].sort(), ['account', 'assemble', 'build', 'libraries']);
    for (const step of steps) assert.doesNotThrow(() => accessSync(join(ROOT, 'deploy/images/steps', step), constants.X_OK), step);
    assert.doesNotThrow(() => accessSync(join(ROOT, 'deploy/images/verify'), constants.X_OK));
  });
});
