import type { AttackOutcome, AttackSpec, CorruptionOutcome, Diagnostics, GalleryPicture } from '@rift/contracts';
import { Xoshiro128 } from '../../statistics/xoshiro.js';
import { STANDARD_CORRUPTIONS } from '../data/names.js';
import type { Evaluation } from '../input.js';
import { drawOutcomes, flip, outcomeFrom } from './outcomes.js';
import { encodePng } from '../../pictures/png.js';

/** What a pair of evaluations shall show. */
export interface Scenario {
  readonly images: number;
  /** Images right before, then lost and gained. */
  readonly standard: readonly [right: number, lost: number, gained: number];
  readonly adversarial: readonly [right: number, lost: number, gained: number];
  /** Images read under each corruption; 0 leaves corruptions out. */
  readonly corruptionImages: number;
  /** Gained less lost at each corruption and severity, as a share of its images. */
  readonly corruptionGain: number;
  readonly pictures: number;
  readonly autoAttack: boolean;
  readonly diagnostics: boolean;
}

/** CIFAR-10's classes. */
export const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'] as const;

/** PGD-10 within L∞ 8/255, the worst of three restarts. */
export const PGD: AttackSpec = {
  kind: 'ATTACK_KIND_PGD',
  threatModel: { norm: 'NORM_LINF', epsilon: 8 / 255 },
  stepSize: 2 / 255,
  steps: 10,
  restarts: 3,
  randomStart: true,
  targets: 0,
  toTheEnd: false,
};

const AUTOATTACK: AttackSpec = { ...PGD, kind: 'ATTACK_KIND_AUTOATTACK_STANDARD', stepSize: 0, steps: 100, restarts: 1, targets: 9 };

/** Evaluations before and after, made as a scenario says; the same scenario gives the same bytes. */
export function evaluationPair(scenario: Scenario): { before: Evaluation[]; after: Evaluation[] } {
  const random = new Xoshiro128(2023);
  const standard = pairOf(scenario.images, scenario.standard, random);
  const adversarial = pairOf(scenario.images, scenario.adversarial, random);
  const labels = Array.from({ length: scenario.images }, () => random.below(CLASSES.length));
  const images = { split: 'test', offset: 0, limit: scenario.images };
  const build = (when: 0 | 1): Evaluation[] => {
    const robust = adversarial[when];
    const main: Evaluation = {
      stage: when === 0 ? 'before' : 'after',
      images,
      seed: 40,
      result: {
        standard: outcomeFrom(standard[when], when === 0 ? 0.59 : 0.55),
        attacks: [attacked(PGD, robust, when), ...(scenario.autoAttack ? [autoAttacked(robust, when)] : [])],
        corruptions: [],
        gallery: Array.from({ length: scenario.pictures }, (_, i) => picture(i, labels[i] ?? 0, random)),
        confusion: confusionOf(standard[when], labels, when),
        diagnostics: scenario.diagnostics ? diagnosed() : null,
        notes: [],
      },
    };
    return [main];
  };
  const before = build(0);
  const after = build(1);
  if (scenario.corruptionImages > 0) {
    const corrupted = corruptionPair(scenario, random);
    const rest = { images: { ...images, limit: scenario.corruptionImages }, seed: 41 };
    const empty = { standard: null, attacks: [], gallery: [], confusion: [], diagnostics: null, notes: [] };
    before.push({ stage: 'before-corruptions', ...rest, result: { ...empty, corruptions: corrupted[0] } });
    after.push({ stage: 'after-corruptions', ...rest, result: { ...empty, corruptions: corrupted[1] } });
  }
  return { before, after };
}

function pairOf(images: number, [right, lost, gained]: Scenario['standard'], random: Xoshiro128): [Uint8Array, Uint8Array] {
  const before = drawOutcomes(images, right, random);
  return [before, flip(before, lost, gained, random)];
}

function attacked(attack: AttackSpec, robust: Uint8Array, when: 0 | 1): AttackOutcome {
  return {
    attack,
    outcome: outcomeFrom(robust, when === 0 ? 1.32 : 1.31),
    audit: { maxPerturbation: 8 / 255, minPixel: 0, maxPixel: 1, nanCount: 0, imagesChanged: Math.round(robust.length * 0.83) },
    stages: [],
    flags: [],
    imagesPerSecond: 1840 - 30 * when,
  };
}

/** AutoAttack breaks every tenth image that PGD leaves. */
function autoAttacked(robust: Uint8Array, when: 0 | 1): AttackOutcome {
  const left = robust.map((byte, i) => (i % 10 === 3 ? 0 : byte));
  const { outcome, ...rest } = attacked(AUTOATTACK, left, when);
  const survivors = outcome?.correct ?? 0;
  return {
    ...rest,
    outcome,
    stages: [
      { kind: 'ATTACK_KIND_APGD_CE', robust: survivors + 21, seconds: 61, zeroGradients: 0, flags: [] },
      { kind: 'ATTACK_KIND_APGD_T', robust: survivors + 1, seconds: 248, zeroGradients: 0, flags: [] },
      { kind: 'ATTACK_KIND_FAB_T', robust: survivors, seconds: 402, zeroGradients: 0, flags: [] },
      { kind: 'ATTACK_KIND_SQUARE', robust: survivors, seconds: 517, zeroGradients: 0, flags: [] },
    ],
  };
}

/** A network whose gradients are looked at and found good but for one thing. */
function diagnosed(): Diagnostics {
  const images = 80;
  const rung = (name: string, steps: number, right: number): Diagnostics['ladder'][number] => ({
    name,
    attack: { ...PGD, steps, restarts: 1 },
    outcome: outcomeFrom(
      Uint8Array.from({ length: images }, (_, i) => (i < right ? 1 : 0)),
      1,
    ),
  });
  return {
    verdict: 'DIAGNOSTIC_VERDICT_WARN',
    images,
    checks: [
      { name: 'gradients', verdict: 'DIAGNOSTIC_VERDICT_PASS', value: 0, limit: 0, finding: 'every image has a gradient' },
      {
        name: 'convergence',
        verdict: 'DIAGNOSTIC_VERDICT_WARN',
        value: 0.0625,
        limit: 0.05,
        finding: '6.3 % of the images fall to 40 steps',
      },
    ],
    ladder: [rung('10 steps', 10, 45), rung('40 steps', 40, 40)],
  };
}

/** Wrong images are taken for a class nearby; cats and dogs for each other. */
function confusionOf(right: Uint8Array, labels: readonly number[], when: 0 | 1): number[] {
  const matrix = new Array<number>(CLASSES.length ** 2).fill(0);
  labels.forEach((label, i) => {
    const other = label === 3 ? 5 : label === 5 ? 3 : (label + 1 + ((i * 7 + when) % 4)) % CLASSES.length;
    const cell = label * CLASSES.length + (right[i] === 1 ? label : other);
    matrix[cell] = (matrix[cell] ?? 0) + 1;
  });
  return matrix;
}

function corruptionPair({ corruptionImages, corruptionGain }: Scenario, random: Xoshiro128): [CorruptionOutcome[], CorruptionOutcome[]] {
  const names = [...STANDARD_CORRUPTIONS, 'spatter'];
  const cells = names.map((name, n) =>
    [1, 2, 3, 4, 5].map((severity) => {
      const right = Math.round(corruptionImages * (0.82 - 0.022 * severity * (1 + (n % 5))));
      const net = Math.round(corruptionImages * corruptionGain * (0.4 + 0.3 * (n % 5)));
      const churn = Math.round(corruptionImages * 0.012);
      const [before, after] = pairOf(corruptionImages, [right, churn + Math.max(0, -net), churn + Math.max(0, net)], random);
      return { name, severity, before: outcomeFrom(before, 0.9), after: outcomeFrom(after, 0.85) };
    }),
  );
  const side = (when: 'before' | 'after'): CorruptionOutcome[] =>
    cells.map((row) => ({ name: row[0]?.name ?? '', severities: row.map((cell) => ({ severity: cell.severity, outcome: cell[when] })) }));
  return [side('before'), side('after')];
}

/** A coloured scene with a perturbation of ±8 steps and their difference magnified. */
function picture(index: number, label: number, random: Xoshiro128): GalleryPicture {
  const side = 32;
  const [original, adversarial, difference] = [0, 0, 0].map(() => new Uint8Array(side * side * 3));
  if (!original || !adversarial || !difference) throw new Error('three pictures are made');
  const tint = [0, 0, 0].map(() => 60 + random.below(140));
  const centre = [10 + random.below(12), 10 + random.below(12)] as const;
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const isThing = Math.hypot(x - centre[0], (y - centre[1]) * (1 + (label % 3) * 0.4)) < 7 + (label % 4);
      for (let c = 0; c < 3; c += 1) {
        const at = (y * side + x) * 3 + c;
        const value = isThing ? 255 - (tint[c] ?? 0) + random.below(20) : (tint[c] ?? 0) + (31 - y) + random.below(16);
        const step = random.below(2) * 16 - 8;
        original[at] = Math.min(255, Math.max(0, value));
        adversarial[at] = Math.min(255, Math.max(0, value + step));
        difference[at] = step > 0 ? 255 : 0;
      }
    }
  }
  return {
    index: index * 37,
    label,
    predictedBefore: label,
    predictedAfter: index % 4 === 3 ? label : (label + 1 + (index % 5)) % CLASSES.length,
    originalPng: encodePng(original, side, side),
    adversarialPng: encodePng(adversarial, side, side),
    differencePng: encodePng(difference, side, side),
  };
}
