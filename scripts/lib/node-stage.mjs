// Stages of node:test: compiled specs, one process per file.
import { existsSync, globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { inspect } from 'node:util';
import { Tally } from './tally.mjs';

/** Folders of the compiled specs and of the sources they come from. */
const OUTPUTS = [
  // The services' specs start processes and databases and take longest, so they begin.
  { dist: 'services/*/dist', source: (path) => path.replace('/dist/', '/src/') },
  { dist: 'packages/*/dist', source: (path) => path.replace('/dist/', '/src/') },
  { dist: 'native/rift-core/dist', source: (path) => path.replace('/dist/', '/ts/') },
];

/** Compiled unit specs whose source still exists: the compiler leaves the output of deleted files behind. */
export function unitSpecs(root) {
  const compiled = OUTPUTS.flatMap(({ dist, source }) =>
    globSync(`${dist}/**/*.spec.js`, { cwd: root })
      .filter((path) => existsSync(join(root, source(path).replace(/\.js$/, '.ts'))))
      .sort(),
  );
  return [...compiled, ...globSync('{scripts,bench/lib}/**/*.spec.mjs', { cwd: root }).sort()].map((path) => join(root, path));
}

/** The benchmark at its tiny size. */
export const benchSpecs = (root) => [join(root, 'bench', 'tiny.spec.mjs')];

/** Compiled specs of folders under test/, in the order of the folders. */
export function testSpecs(root, folders) {
  return folders
    .flatMap((folder) => globSync(`test/dist/${folder}/**/*.spec.js`, { cwd: root }).sort())
    .filter((path) => existsSync(join(root, path.replace('/dist/', '/').replace(/\.js$/, '.ts'))))
    .map((path) => join(root, path));
}

/** Takes one event of the runner into the tally. A file that fails, or passes, as a whole has no test in it: that is a failure. */
export function takeEvent(tally, type, data, files) {
  const isFile = files.includes(data.name);
  if (data.details?.type === 'suite') return;
  if (data.skip !== undefined || data.todo !== undefined) tally.skip();
  else if (type === 'test:fail') tally.fail(`${data.name}${isFile ? '' : ` (${data.file ?? '?'})`}`);
  else if (isFile) tally.fail(`${data.name} holds no test`);
  else tally.pass();
}

const reason = (error) => inspect(error?.cause ?? error, { depth: 4 }).replace(/^/gm, '          ');

/**
 * @param {string[]} files absolute paths
 * @param {{root: string, print: (line: string) => void}} context
 * @param {{concurrency: number, timeoutMs: number}} limits the time limit holds per file
 * @returns {Promise<Tally>}
 */
export async function nodeStage(files, { root, print }, { concurrency, timeoutMs }) {
  const tally = new Tally();
  if (files.length === 0) return tally;
  let reported = 0;
  for await (const { type, data } of run({ files, concurrency, timeout: timeoutMs, cwd: root })) {
    if (type === 'test:pass' || type === 'test:fail') {
      takeEvent(tally, type, data, files);
      if (type === 'test:fail' && data.details?.error?.failureType !== 'subtestsFailed') {
        print(`  FAIL  ${data.name}\n${reason(data.details?.error)}`);
      }
    } else if (type === 'test:summary' && data.file !== undefined) {
      reported += 1;
      const verdict = data.success ? 'ok  ' : 'FAIL';
      print(
        `  ${verdict}  ${reported}/${files.length} ${relative(root, data.file)}: ${data.counts.passed} of ${data.counts.tests} passed (${(data.duration_ms / 1000).toFixed(1)} s)`,
      );
    } else if (type === 'test:diagnostic' && data.nesting > 0) {
      // What a test has measured; the runner's own counts come without nesting.
      print(`        ${data.message}`);
    } else if (type === 'test:stderr' || type === 'test:stdout') {
      if (data.message.trim() !== '') print(`        ${data.message.trimEnd()}`);
    }
  }
  return tally;
}
