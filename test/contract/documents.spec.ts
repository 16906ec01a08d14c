import { createProgram } from '@rift/cli';
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { ROOT, commandsAnywhere, commandsOf, shownCommands } from '../support/documents.js';
import { FOREIGN, absent, parsedByItself } from '../support/foreign-commands.js';

const commands = shownCommands();
const of = (program: string) => commandsOf(commands, program);

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
    // Those of pip, curl and grpcurl are executed by test/e2e.
    const known = ['rift', 'npm', 'node', 'cargo', 'curl', 'grpcurl', 'pip', ...FOREIGN];
    assert.deepEqual(
      commands.filter(({ words }) => !known.includes(words[0] ?? '')).map(({ file, words }) => `${file}: ${words.join(' ')}`),
      [],
    );
  });

  for (const { file, words } of of('rift')) {
    it(`${file}: ${words.join(' ')}, is one that rift understands`, () => parse(words.slice(1)));
  }

  it('commands of rift that the text names exist, with the options it names', () => {
    const wrong = commandsAnywhere(['rift']).flatMap(({ file, words }) => {
      const program = createProgram(() => assert.fail(), { writeOut: () => undefined, writeErr: () => undefined });
      const path = [program];
      for (const word of words.slice(1)) {
        const next = path.at(-1)?.commands.find((command) => [command.name(), ...command.aliases()].includes(word));
        if (next !== undefined) path.push(next);
      }
      const options = path.flatMap((command) => command.options.map(({ long }) => long));
      const unknown = words.filter((word) => word.startsWith('--') && !options.includes(word));
      const isCommand = path.length > 1 || words[1]?.startsWith('-') === true;
      return isCommand && unknown.length === 0
        ? []
        : [`${file}: ${words.join(' ')}: ${isCommand ? unknown.join(', ') : 'no such command'}`];
    });
    assert.deepEqual(wrong, []);
  });

  describe('of other programs', () => {
    for (const program of FOREIGN) {
      const skip = absent(program);
      for (const { file, words } of commandsAnywhere([program])) {
        it(`${file}: ${words.join(' ')}, is one that ${program} understands`, { skip }, () => parsedByItself(words));
      }
      it(`${program} would refuse a wrong one`, { skip }, async () => {
        await assert.rejects(parsedByItself([program, '--no-such-option', 'x']), /is not understood/);
      });
    }
  });

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
