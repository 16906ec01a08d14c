// Stage lint: every tool is one test; two run at a time.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { Tally } from './tally.mjs';

/** The tools with what they check; `bin` names come from node_modules. */
function tools(root) {
  const bin = (name) => join(root, 'node_modules', '.bin', name);
  const core = join(root, 'native', 'rift-core');
  const buf = join(root, 'node_modules', '@bufbuild', 'buf-linux-x64', 'bin', 'buf');
  // The longest first.
  return [
    {
      name: 'cargo clippy',
      command: 'cargo',
      args: ['clippy', '--quiet', '--release', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings'],
      cwd: core,
    },
    { name: 'eslint', command: bin('eslint'), args: ['.', '--max-warnings', '0'], cwd: root },
    { name: 'prettier', command: bin('prettier'), args: ['--check', '--log-level', 'warn', '.'], cwd: root },
    { name: 'import cycles', command: process.execPath, args: [join(root, 'scripts', 'lib', 'import-cycles.mjs')], cwd: root },
    { name: 'API reference', command: process.execPath, args: [join(root, 'scripts', 'api-docs.mjs'), '--check'], cwd: root },
    { name: 'cargo fmt', command: 'cargo', args: ['fmt', '--all', '--check'], cwd: core },
    // npm carries this binary for the platform the project is set up on; elsewhere the contracts are the same files.
    ...(process.platform === 'linux' && process.arch === 'x64'
      ? [{ name: 'buf lint', command: buf, args: ['lint'], cwd: join(root, 'proto') }]
      : []),
  ];
}

const AT_ONCE = 2;

/** @returns {Promise<Tally>} */
export async function lintStage({ root, env, print }) {
  const tally = new Tally();
  const waiting = tools(root);
  const lane = async () => {
    for (let tool = waiting.shift(); tool !== undefined; tool = waiting.shift()) {
      const started = Date.now();
      const failure = await failureOf(tool, env);
      const time = `${((Date.now() - started) / 1000).toFixed(1)} s`;
      if (failure === undefined) {
        tally.pass();
        print(`  ok    ${tool.name} (${time})`);
      } else {
        tally.fail(tool.name);
        print(`  FAIL  ${tool.name} (${time})\n${failure}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return tally;
}

/** What a tool says against the code; undefined when it finds nothing. */
function failureOf({ command, args, cwd }, env) {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      resolve(error === null ? undefined : `${stdout === '' && stderr === '' ? error.message : ''}${stdout}${stderr}`);
    });
  });
}
