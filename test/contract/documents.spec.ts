import { createProgram } from '@rift/cli';
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { ROOT, commandsOf, shownCommands } from '../support/documents.js';

const commands = shownCommands();
const of = (program: string) => commandsOf(commands, program);

/** Programs that documents may name without a test of their own: they work on clusters, or on other people's machines. */
const FOREIGN = ['kubectl', 'kustomize', 'aws', 'pg_dump', 'pg_restore', 'cmctl', 'pip', 'docker', 'psql', 'helm', 'openssl'];

class Understood extends Error {}

/** Takes a command line apart as the program does, without doing anything. @throws what the program would say against it */
async function parse(argv: readonly string[]): Promise<void> {
  const program = createProgram(
    () => {
      throw new Understood();
    },
    { writeOut: () => undefined, writeErr: () => undefined },
  );
  await assert.rejects(program.parseAsync([...argv], { from: 'user' }), Understood);
}

describe('commands in the documents', () => {
  it('are there, and none is of a kind that nothing checks', () => {
    assert.ok(commands.length > 20);
    const known = ['rift', 'npm', 'node', 'cargo', 'curl', 'grpcurl', ...FOREIGN];
    assert.deepEqual(
      commands.filter(({ words }) => !known.includes(words[0] ?? '')).map(({ file, words }) => `${file}: ${words.join(' ')}`),
      [],
    );
  });

  for (const { file, words } of of('rift')) {
    it(`${file}: ${words.join(' ')}, is one that rift understands`, () => parse(words.slice(1)));
  }

  it('npm scripts and files that are named exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    for (const { words } of of('npm')) {
      const name = words[1] === 'run' ? words[2] : words[1];
      assert.ok(scripts[name ?? ''] !== undefined, words.join(' '));
    }
    for (const { words } of of('node')) {
      const path = words.slice(1).find((word) => !word.startsWith('-')) ?? '';
      assert.ok(existsSync(join(ROOT, path)), words.join(' '));
    }
    for (const { words } of of('cargo')) {
      const example = words[words.indexOf('--example') + 1] ?? '';
      assert.ok(existsSync(join(ROOT, 'native/rift-core/engine/examples', `${example}.rs`)), words.join(' '));
    }
  });
});
