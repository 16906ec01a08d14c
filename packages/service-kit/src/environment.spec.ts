import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EnvironmentError, readEnvironment, setting } from './environment.js';

const shape = {
  PORT: setting.port().default(50051),
  THREADS: setting.integer(1, 64).optional(),
  REFLECTION: setting.flag().default(true),
  LEVEL: setting.oneOf(['info', 'debug']).default('info'),
  TRAINER: setting.address(),
  TOKEN: setting.text().optional(),
};

function problemsOf(variables: Record<string, string>): readonly string[] {
  try {
    readEnvironment(shape, variables);
  } catch (error) {
    assert.ok(error instanceof EnvironmentError);
    return error.problems;
  }
  return [];
}

describe('the environment', () => {
  it('becomes a frozen, typed object with defaults', () => {
    const settings = readEnvironment(shape, { TRAINER: 'trainer:50053', THREADS: '2', REFLECTION: 'false', LEVEL: '' });
    assert.deepEqual(settings, { PORT: 50051, THREADS: 2, REFLECTION: false, LEVEL: 'info', TRAINER: 'trainer:50053' });
    assert.ok(Object.isFrozen(settings));
  });

  it('names every bad variable with its value and rule in one message', () => {
    assert.deepEqual(problemsOf({ PORT: '70000', THREADS: '0', REFLECTION: 'yes', LEVEL: 'loud' }).toSorted(), [
      'LEVEL is loud: must be one of info, debug',
      'PORT is 70000: must be at most 65535',
      'REFLECTION is yes: must be true or false',
      'THREADS is 0: must be at least 1',
      'TRAINER is not set: it has no default',
    ]);
  });

  for (const bad of ['', 'trainer', 'trainer:', 'trainer:x', 'http://trainer:1', ':50051']) {
    it(`refuses the address "${bad}"`, () => assert.equal(problemsOf({ TRAINER: bad }).length, 1));
  }

  for (const good of ['trainer:1', '127.0.0.1:65535', '[::1]:50051', 'trainer-0.trainers.rift.svc:50053']) {
    it(`takes the address "${good}"`, () => assert.deepEqual(problemsOf({ TRAINER: good }), []));
  }

  it('takes a secret from the file that NAME_FILE names, and refuses both', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'environment-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'token');
    writeFileSync(file, 's3cret\n');
    assert.equal(readEnvironment(shape, { TRAINER: 'a:1', TOKEN_FILE: file }).TOKEN, 's3cret');
    assert.deepEqual(problemsOf({ TRAINER: 'a:1', TOKEN_FILE: file, TOKEN: 'x' }), ['TOKEN and TOKEN_FILE are both set: give one of them']);
    assert.match(problemsOf({ TRAINER: 'a:1', TOKEN_FILE: `${file}x` })[0] ?? '', /^TOKEN_FILE is .*ENOENT/);
  });
});
