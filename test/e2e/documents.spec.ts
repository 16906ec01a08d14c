import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { findGrpcurl } from '../support/deploy-tools.js';
import { pythonEnvironment } from '../support/python.js';
import { ROOT, commandsOf, shownCommands } from '../support/documents.js';
import { SAMPLE, Workplace } from './rift.js';

const execute = promisify(execFile);
const python = await pythonEnvironment();
const commands = shownCommands();
const of = (program: string) => commandsOf(commands, program);

describe('commands in the documents, against services', () => {
  let place: Workplace;
  let endpoint = '';
  let web = '';

  before(async () => {
    place = await Workplace.create();
    ({ endpoint, web } = await place.up());
    await symlink(join(ROOT, 'samples'), place.path('samples'));
    await place.json('data', 'add', 'cifar10', SAMPLE.data);
    await place.json('import', SAMPLE.network, '--arch', 'resnet18', '--width', '16', '--preprocess', 'cifar10', '--name', 'mine');
  });
  after(async () => place[Symbol.asyncDispose]());

  for (const { file, words, output } of of('rift').filter((command) => command.output.length > 0)) {
    it(`${file}: ${words.join(' ')}, says what the document shows`, async () => {
      const { code, stdout, stderr } = await place.run(...words.slice(1));
      assert.equal(code, 0, stderr);
      // Accuracies under attack are those of one kind of processor: bfloat16 is used where it is fast.
      const shape = (line: string): string => (words[1] === 'attack' ? line.replace(/\d+/g, '0') : line).trimEnd();
      const said = stdout.split('\n').map(shape);
      for (const line of output.filter((one) => one !== '…')) assert.ok(said.includes(shape(line)), `${line}\nis not in\n${stdout}`);
    });
  }

  const here = (words: readonly string[]): string[] =>
    words.slice(1).map((word) => word.replace('http://127.0.0.1:8080', web).replace('127.0.0.1:50051', endpoint));

  for (const { file, words } of of('curl')) {
    it(`${file}: ${words.join(' ')}`, async () => {
      const { stdout } = await execute('curl', ['--fail-with-body', ...here(words)], { maxBuffer: 1 << 24 });
      assert.equal(typeof JSON.parse(stdout), 'object');
    });
  }

  for (const { file, words } of of('pip')) {
    it(`${file}: ${words.join(' ')}`, { skip: 'missing' in python ? python.missing : false }, async () => {
      if ('missing' in python) return;
      // The environment holds what the package needs; where that comes from is not what the document is about.
      const offline = ['--dry-run', '--no-deps', '--no-build-isolation', '--disable-pip-version-check'];
      const [, verb = '', ...rest] = words;
      const { stdout } = await execute(python.python, ['-m', 'pip', verb, ...offline, ...rest], { cwd: ROOT });
      assert.match(stdout, /^Would install rift-client-/m);
    });
  }

  const grpcurl = findGrpcurl();
  for (const { file, words } of of('grpcurl')) {
    it(`${file}: ${words.join(' ')}`, { skip: 'missing' in grpcurl ? grpcurl.missing : false }, async () => {
      if ('missing' in grpcurl) return;
      const { stdout } = await execute(grpcurl.command[0], here(words));
      assert.match(stdout, /rift\.|SERVING|\{/);
    });
  }
});
