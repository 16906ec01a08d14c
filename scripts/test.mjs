// `npm test`: all stages in order, with the number of tests of each. The last line is "N passed, N failed".
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cargoStage } from './lib/cargo-stage.mjs';
import { lintStage } from './lib/lint-stage.mjs';
import { benchSpecs, nodeStage, testSpecs, unitSpecs } from './lib/node-stage.mjs';
import { Tally } from './lib/tally.mjs';
import { toolEnvironment } from './lib/toolchain.mjs';

const root = join(import.meta.dirname, '..');
const MINUTE = 60_000;

const STAGES = {
  lint: lintStage,
  cargo: cargoStage,
  unit: (context) => nodeStage(unitSpecs(root), context, { concurrency: 2, timeoutMs: 5 * MINUTE }),
  contract: (context) => nodeStage(testSpecs(root, ['fuzz', 'contract']), context, { concurrency: 2, timeoutMs: 5 * MINUTE }),
  deploy: (context) => nodeStage(testSpecs(root, ['deploy']), context, { concurrency: 2, timeoutMs: 15 * MINUTE }),
  e2e: (context) =>
    nodeStage([...testSpecs(root, ['e2e', 'faults']), ...benchSpecs(root)], context, { concurrency: 1, timeoutMs: 15 * MINUTE }),
};

function chosenStages() {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  const names = values.only === undefined ? Object.keys(STAGES) : values.only.split(',');
  const unknown = names.filter((name) => !(name in STAGES));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: no such stage. The stages are ${Object.keys(STAGES).join(', ')}.`);
  return Object.keys(STAGES).filter((name) => names.includes(name));
}

async function main() {
  const env = toolEnvironment();
  // The build knows libtorch by the link native/rift-core/libtorch; a second spelling would rebuild everything.
  delete env.LIBTORCH;
  // Tests run side by side: threads that spin at OpenMP's barriers would take the processors from each other.
  env.OMP_WAIT_POLICY = 'PASSIVE';
  const print = (line) => process.stdout.write(`${line}\n`);
  const total = new Tally();
  for (const name of chosenStages()) {
    print(`\n${name}`);
    const started = Date.now();
    const tally = await STAGES[name]({ root, env, print });
    if (tally.total === 0) tally.fail(`stage ${name} found no tests`);
    total.add(tally);
    print(`${name}: ${tally} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  }
  if (total.failures.length > 0) print(`\nFailed:\n${total.failures.map((failure) => `  - ${failure}`).join('\n')}`);
  print(`\n${total}`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
