// Compares what `rift` says of a PyTorch checkpoint with what PyTorch says of it (reference.py writes both sides' input).
// Usage: node test/agreement/compare.mjs CIFAR10_BINARY_FOLDER REFERENCE_FOLDER [RESULT.json]; exit code 1 when a bound is broken.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LARGEST = { standard: 1e-6, adversarial: 0.006, baseLoss: 1e-4, mrc: 0.02 };

const [data, reference, output] = process.argv.slice(2);
if (data === undefined || reference === undefined) throw new Error('see the first lines');
const expected = JSON.parse(readFileSync(join(reference, 'reference.json'), 'utf8'));
const home = mkdtempSync(join(tmpdir(), 'rift-agreement-'));

function rift(...args) {
  const command = join(ROOT, 'node_modules', '.bin', 'rift');
  const env = { ...process.env, RIFT_HOME: join(home, 'state') };
  return JSON.parse(
    execFileSync(command, ['--json', ...args], { cwd: home, env, maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] }),
  );
}

function relativeGaps(measured, wanted) {
  return measured.map(({ name, mrc }) => ({
    name,
    ours: mrc,
    pytorch: wanted[name],
    gap: Math.abs(mrc - wanted[name]) / Math.abs(wanted[name]),
  }));
}

try {
  const network = join(home, 'net.safetensors');
  const shape = ['--arch', 'resnet18', '--width', '8', '--classes', '10', '--preprocess', 'cifar10'];
  rift('import', join(reference, 'net.pth'), ...shape, '-o', network);
  const pgd = ['--attack', 'pgd', '--eps', '8/255', '--step', '2/255', '--steps', '10', '--restarts', '3', '--per-sample'];
  const attack = rift('attack', '--network', network, '--data', data, '--split', 'test', '--limit', '1000', ...pgd);
  const plain = rift('evaluate', '--network', network, '--data', data, '--split', 'test', '--limit', '1000', '--suite', 'standard');
  const profiles = Object.fromEntries(
    ['code', 'paper'].map((profile) => [
      profile,
      rift(
        'criticality',
        '--network',
        network,
        '--adversarial',
        join(reference, 'adversarial.npz'),
        '--profile',
        profile,
        '--precision',
        'fp32',
      ),
    ]),
  );
  const gaps = Object.fromEntries(Object.entries(profiles).map(([name, { modules }]) => [name, relativeGaps(modules, expected.mrc[name])]));
  const worst = Object.fromEntries(Object.entries(gaps).map(([name, rows]) => [name, Math.max(...rows.map(({ gap }) => gap))]));
  const result = {
    standard: { ours: plain.standard.accuracy, pytorch: expected.standard },
    adversarial: { ours: attack.accuracy, pytorch: expected.adversarial },
    imagesJudgedDifferently: attack.perSample.filter((alive, index) => alive !== expected.alive[index]).length,
    baseLoss: { ours: profiles.code.baseLoss, pytorch: expected.baseLoss },
    largestRelativeGapOfMrc: worst,
    mrc: gaps,
  };
  const broken = [
    Math.abs(result.adversarial.ours - expected.adversarial) > LARGEST.adversarial && 'accuracy under attack',
    Math.abs(result.standard.ours - expected.standard) > LARGEST.standard && 'standard accuracy',
    Math.abs(result.baseLoss.ours - expected.baseLoss) > LARGEST.baseLoss && 'base loss',
    ...Object.entries(worst).map(([name, gap]) => gap > LARGEST.mrc && `MRC of the profile ${name}`),
  ].filter(Boolean);
  if (output !== undefined) writeFileSync(output, `${JSON.stringify(result, null, 1)}\n`);
  console.log(JSON.stringify({ ...result, mrc: undefined, broken }, null, 1));
  if (broken.length > 0) process.exitCode = 1;
} finally {
  rmSync(home, { recursive: true, force: true });
}
