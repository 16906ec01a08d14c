// Compares AutoAttack of `rift attack --attack autoattack --per-sample --json` with the published code's (STATE of autoattack.py) on the same
// network and pictures. Usage: node test/agreement/autoattack-compare.mjs STATE.json RIFT.json NETWORK [RESULT.json]; exit code 1 when the
// two differ by more than sampling noise after any attack, or in more images at the end than McNemar's exact test allows for.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const Z = 1.96;
const [statePath, riftPath, network, output] = process.argv.slice(2);
if (network === undefined) throw new Error('see the first lines');
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const state = read(statePath);
const rift = read(riftPath);
const count = (flags) => flags.filter(Boolean).length;
const total = state.clean.length;

/** Wilson's 95 % interval in percent. */
function interval(right) {
  const share = right / total;
  const middle = (share + Z ** 2 / (2 * total)) / (1 + Z ** 2 / total);
  const half = (Z / (1 + Z ** 2 / total)) * Math.sqrt((share * (1 - share)) / total + Z ** 2 / (4 * total ** 2));
  return [middle - half, middle + half].map((bound) => Number((100 * bound).toFixed(1)));
}

/** Two-sided p of McNemar's exact test: so few of so many changes in one direction, if both directions were as likely. */
function mcnemar(one, other) {
  const changes = one + other;
  let term = 0.5 ** changes;
  let sum = 0;
  for (let at = 0; at <= Math.min(one, other); at += 1) {
    sum += term;
    term *= (changes - at) / (at + 1);
  }
  return Math.min(1, 2 * sum);
}

const row = (name, ours, published) => {
  const [a, b] = [ours / total, published / total];
  const noise = Math.sqrt((a * (1 - a) + b * (1 - b)) / total);
  return {
    name,
    ours,
    published,
    oursInterval: interval(ours),
    publishedInterval: interval(published),
    difference: ours - published,
    withinNoise: Math.abs(a - b) <= Z * noise,
  };
};
const finished = rift.stages.filter(({ attack }) => attack in state.after);
const rows = [
  row('clean', rift.standard.correct, count(state.clean)),
  ...finished.map(({ attack, robust }) => row(attack, robust, count(state.after[attack]))),
];
const last = finished.at(-1)?.attack;
const images =
  finished.length === rift.stages.length
    ? rift.perSample.reduce(
        (sums, alive, index) => {
          const theirs = state.after[last][index] ? 1 : 0;
          if (alive === theirs) sums.same += 1;
          else sums[alive === 1 ? 'onlyOursRobust' : 'onlyPublishedRobust'].push(index);
          return sums;
        },
        { same: 0, onlyOursRobust: [], onlyPublishedRobust: [] },
      )
    : undefined;
const result = {
  network: `sha256:${createHash('sha256').update(readFileSync(network)).digest('hex')}`,
  pictures: total,
  epsilon: rift.epsilon,
  rows,
  images,
  mcnemar: images && mcnemar(images.onlyOursRobust.length, images.onlyPublishedRobust.length),
  largestChange: { ours: rift.maxPerturbation, published: state.worst },
  seconds: {
    ours: Object.fromEntries(rift.stages.map(({ attack, seconds }) => [attack, Math.round(seconds)])),
    publishedCpu: Object.fromEntries(Object.entries(state.cpu).map(([name, seconds]) => [name, Math.round(seconds)])),
    publishedWall: Object.fromEntries(Object.entries(state.wall).map(([name, seconds]) => [name, Math.round(seconds)])),
  },
};
if (output !== undefined) writeFileSync(output, `${JSON.stringify(result, null, 1)}\n`);
console.log(JSON.stringify(result, null, 1));
if (rows.some(({ withinNoise }) => !withinNoise) || (result.mcnemar ?? 1) < 0.05) process.exitCode = 1;
