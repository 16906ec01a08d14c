// The verifications that are too long, or need too much, for `npm test`: one folder under test/ each, run like a stage of it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { nodeStage, testSpecs } from './lib/node-stage.mjs';

const root = join(import.meta.dirname, '..');
const MINUTE = 60_000;
const LIMITS = { cluster: 90 * MINUTE, namespaces: 20 * MINUTE, fuzz: 60 * MINUTE, faults: 60 * MINUTE, s3: 40 * MINUTE };

/** Verifications whose specs lie in more folders than the one of their name. */
const FOLDERS = { faults: ['faults', 'replicas'] };

/** Specs beside the code that are too long for `npm test`. */
const BESIDE_CODE = {
  faults: ['outages', 'load'].map((spec) => join(root, `services/orchestrator/dist/orchestrator.${spec}.verify.js`)),
};

const name = process.argv[2] ?? '';
if (!(name in LIMITS)) {
  process.stderr.write(`verify ${name}: there is no such verification. They are ${Object.keys(LIMITS).join(', ')}.\n`);
  process.exit(2);
}
const setup = spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs')], { stdio: 'inherit' });
if (setup.status !== 0) process.exit(setup.status ?? 1);
process.env.OMP_WAIT_POLICY = 'PASSIVE';
if (name === 'faults') process.env.RIFT_FAULT_KILLS ??= '50';
if (name === 'fuzz') process.env.RIFT_FUZZ_SECONDS ??= '60';
const print = (line) => process.stdout.write(`${line}\n`);
const tally = await nodeStage(
  [...testSpecs(root, FOLDERS[name] ?? [name]), ...(BESIDE_CODE[name] ?? [])],
  { root, print },
  { concurrency: 1, timeoutMs: LIMITS[name] },
);
if (tally.total === 0) tally.fail(`test/${name} holds no tests`);
print(`\n${tally}`);
process.exitCode = tally.failed === 0 ? 0 : 1;
