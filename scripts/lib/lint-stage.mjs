// Stage lint: every tool is one test.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Tally } from './tally.mjs';

/** The tools with what they check; `bin` names come from node_modules. */
function tools(root) {
  const bin = (name) => join(root, 'node_modules', '.bin', name);
  const core = join(root, 'native', 'rift-core');
  const buf = join(root, 'node_modules', '@bufbuild', 'buf-linux-x64', 'bin', 'buf');
  return [
    { name: 'eslint', command: bin('eslint'), args: ['.', '--max-warnings', '0'], cwd: root },
    { name: 'prettier', command: bin('prettier'), args: ['--check', '--log-level', 'warn', '.'], cwd: root },
    { name: 'import cycles', command: process.execPath, args: [join(root, 'scripts', 'lib', 'import-cycles.mjs')], cwd: root },
    { name: 'API reference', command: process.execPath, args: [join(root, 'scripts', 'api-docs.mjs'), '--check'], cwd: root },
    { name: 'cargo fmt', command: 'cargo', args: ['fmt', '--all', '--check'], cwd: core },
    {
      name: 'cargo clippy',
      command: 'cargo',
      args: ['clippy', '--quiet', '--release', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings'],
      cwd: core,
    },
    // npm carries this binary for the platform the project is set up on; elsewhere the contracts are the same files.
    ...(process.platform === 'linux' && process.arch === 'x64'
      ? [{ name: 'buf lint', command: buf, args: ['lint'], cwd: join(root, 'proto') }]
      : []),
  ];
}

/** @returns {Promise<Tally>} */
export async function lintStage({ root, env, print }) {
  const tally = new Tally();
  for (const { name, command, args, cwd } of tools(root)) {
    const started = Date.now();
    const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 28 });
    const time = `${((Date.now() - started) / 1000).toFixed(1)} s`;
    if (status === 0) {
      tally.pass();
      print(`  ok    ${name} (${time})`);
    } else {
      tally.fail(name);
      print(`  FAIL  ${name} (${time})\n${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`);
    }
  }
  return tally;
}
