import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';

import type { Command } from 'commander';

import { createProgram } from '../program.js';
import { documentOf, rift } from '../testing/run-cli.js';
import { completionModel } from './model.js';
import { completionScript } from './scripts.js';

const PROGRAM = createProgram(
  () => {
    throw new Error('completion starts no session');
  },
  { writeOut: () => undefined, writeErr: () => undefined },
);
const MODEL = completionModel(PROGRAM);
const BASH = completionScript('bash', MODEL);

/** Long options whose values are words of a list, by what their parsers refuse. */
function optionsOfWords(command: Command): string[] {
  const own = command.options.filter(({ parseArg }) => {
    try {
      parseArg?.('no-such-word', undefined);
      return false;
    } catch (error) {
      return error instanceof Error && /is not known\. (Choose one of|Did you mean)/.test(error.message);
    }
  });
  return [...own.map(({ long }) => long ?? ''), ...command.commands.flatMap(optionsOfWords)];
}

/** What bash offers at the end of a line. */
function offered(line: string): string[] {
  const words = line.split(' ');
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const script = `${BASH}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _rift; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8', cwd: '/' })
    .split('\n')
    .filter((word) => word !== '');
}

describe('completion in bash', () => {
  it('offers commands, subcommands and options', () => {
    assert.deepEqual(offered('rift crit'), ['criticality']);
    assert.deepEqual(offered('rift data a'), ['add']);
    assert.deepEqual(offered('rift attack --rest'), ['--restarts']);
  });

  it('offers the options of the program after any command and between other options', () => {
    assert.deepEqual(offered('rift data list --js'), ['--json']);
    assert.deepEqual(offered('rift --endpoint host:1 attack --pr'), ['--preprocess', '--precision']);
  });

  it('offers the words that the value of an option may be', () => {
    assert.deepEqual(offered('rift run --profile '), ['paper', 'code', 'sound']);
    assert.deepEqual(offered('rift attack --attack apgd-'), ['apgd-ce', 'apgd-dlr', 'apgd-t']);
    assert.deepEqual(offered('rift train --method s'), ['score', 'score-trades', 'standard']);
  });

  it('knows the words of every option that takes no other', () => {
    const found = new Set(optionsOfWords(PROGRAM));
    assert.ok(found.has('--schedule') && found.has('--norm'), [...found].join(' '));
    for (const name of found) {
      const of = MODEL.flatMap(({ options }) => options).find(({ flags }) => flags[0] === name);
      assert.ok(Array.isArray(of?.value), `${name}: ${String(of?.value)}`);
    }
  });

  it('offers files where a file is meant, and nothing where a number is', () => {
    assert.ok(offered('rift run --spec /et').includes('/etc'));
    assert.deepEqual(offered('rift run --epochs '), []);
  });
});

describe('completion scripts', () => {
  it('hold every command and every long option in all shells', () => {
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(shell, MODEL);
      for (const { path, options } of MODEL) {
        assert.ok(script.includes(path.join(' ')), `${shell}: ${path.join(' ')}`);
        for (const { flags } of options) assert.ok(script.includes((flags[0] ?? '').replace(/^--/, '')), `${shell}: ${flags[0] ?? ''}`);
      }
    }
  });

  it('are printed by the command; an unknown shell is refused with the nearest one', async () => {
    const printed = await rift(['completion', 'zsh', '--json']);
    assert.equal(printed.code, 0, printed.stderr);
    assert.equal(documentOf(printed)['script'], completionScript('zsh', MODEL));
    const refused = await rift(['completion', 'bsh']);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /SHELL "bsh" is not known\. Did you mean bash\?/);
  });
});
