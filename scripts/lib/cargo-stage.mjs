// Stage cargo: the engine's own tests, counted from what the test binaries say.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { frostLink, hasFrost } from './frost.mjs';
import { Tally } from './tally.mjs';

const RESULT = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/;
const FAILED = /^test (\S.*) \.\.\. FAILED/;
const IGNORED = /^test (\S.*) \.\.\. ignored/;
const QUIET = /^(test .* \.\.\. ok|running \d+ tests?|)$/;

/** Feeds one line of `cargo test` into the tally. Returns whether the line is worth showing. */
export function takeCargoLine(tally, line) {
  const failed = FAILED.exec(line);
  const result = RESULT.exec(line);
  if (failed) tally.fail(failed[1]);
  else if (IGNORED.test(line)) tally.skip();
  else if (result) tally.passed += Number(result[1]);
  return !QUIET.test(line);
}

/** @returns {Promise<Tally>} */
export async function cargoStage({ root, env, print }) {
  const tally = new Tally();
  const args = ['test', '--release', '--locked', '--no-fail-fast', '-p', 'rift-engine'];
  // With the published pictures the comparison of frost is as tight as that of the others.
  const frost = hasFrost(frostLink(root)) ? { RIFT_FROST_DIR: frostLink(root) } : {};
  const child = spawn('cargo', args, {
    cwd: join(root, 'native', 'rift-core'),
    env: { ...frost, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : `cargo test ended with ${signal ?? `exit code ${code}`}`));
  });
  const show = async (stream) => {
    for await (const line of createInterface({ input: stream })) if (takeCargoLine(tally, line)) print(`  ${line}`);
  };
  await Promise.all([show(child.stdout), show(child.stderr)]);
  const problem = await ended;
  // A crash of a test binary or an error of the compiler names no test.
  if (problem !== undefined && tally.failed === 0) tally.fail(problem);
  return tally;
}
