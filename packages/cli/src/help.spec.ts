import assert from 'node:assert/strict';
import type { Command } from 'commander';
import { describe, it } from 'node:test';

import { createProgram } from './program.js';

function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.filter((child) => child.name() !== 'help').flatMap(commandsOf)];
}

/** The help that a user sees. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

describe('the help', () => {
  const program = createProgram(
    () => {
      throw new Error('help starts no session');
    },
    { writeOut: () => undefined, writeErr: () => undefined },
  );
  const leaves = commandsOf(program).filter((command) => command.commands.length === 0);

  it('names every command of the published table', () => {
    const names = program.commands.flatMap((command) => [command.name(), ...command.aliases()]);
    const published =
      'up doctor import inspect export data attack evaluate criticality mrc finetune interpolate train run runs watch cancel resume report';
    for (const name of published.split(' ')) assert.ok(names.includes(name), name);
  });

  for (const command of leaves) {
    it(`of ${command.name()} says what it does, shows an example of that command, and describes every option`, () => {
      const help = helpOf(command);
      assert.match(command.description(), /^.{10,}/);
      assert.match(help, new RegExp(`Examples?:\\n(  .*\\n)*  .*rift (data )?${command.name()}\\b`));
      for (const option of command.options) assert.notEqual(option.description, '', option.flags);
    });
  }

  it('leaves no command out of the groups', () => {
    const help = helpOf(program);
    assert.doesNotMatch(help, /^Commands:/m);
    assert.match(help, /^ {2}help \[command\]/m);
  });

  it('lists the options that every command takes, the exit codes and the environment', () => {
    const help = helpOf(program);
    for (const text of [
      '--endpoint',
      '--json',
      '--device',
      '--threads',
      '--seed',
      '--precision',
      '--plain',
      '--memory',
      '6 gate failed',
      'RIFT_HOME',
      'NO_COLOR',
    ])
      assert.ok(help.includes(text), text);
  });
});
