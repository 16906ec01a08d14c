import type { AttackKind, AttackSpec, Norm } from '@rift/contracts';

import { usageError } from '../errors.js';

/** What a user may say about an attack; everything left out takes the attack's published setting. */
export interface AttackChoice {
  readonly kind: AttackKind;
  readonly norm?: Norm;
  /** Radius in pixel units. */
  readonly epsilon?: number;
  /** Step in pixel units. */
  readonly stepSize?: number;
  readonly steps?: number;
  readonly restarts?: number;
  readonly targets?: number;
  readonly randomStart?: boolean;
  readonly toTheEnd?: boolean;
}

/** Radii of the public leaderboards, and twelve for L1. */
export const RADIUS: Readonly<Record<Norm, number>> = { NORM_UNSPECIFIED: 0, NORM_LINF: 8 / 255, NORM_L2: 128 / 255, NORM_L1: 12 };

/** Share of the radius taken by one step: 2/255 of 8/255, 15/255 of 128/255. */
export const STEP_SHARE: Readonly<Record<Norm, number>> = { NORM_UNSPECIFIED: 0, NORM_LINF: 1 / 4, NORM_L2: 15 / 128, NORM_L1: 1 / 4 };

const STEPS: Readonly<Record<AttackKind, number>> = {
  ATTACK_KIND_UNSPECIFIED: 0,
  ATTACK_KIND_FGSM: 1,
  ATTACK_KIND_PGD: 10,
  ATTACK_KIND_CW: 10,
  ATTACK_KIND_APGD_CE: 100,
  ATTACK_KIND_APGD_DLR: 100,
  ATTACK_KIND_APGD_T: 100,
  ATTACK_KIND_FAB_T: 100,
  ATTACK_KIND_SQUARE: 5000,
  ATTACK_KIND_AUTOATTACK_STANDARD: 100,
  ATTACK_KIND_AUTOATTACK_PLUS: 100,
  ATTACK_KIND_AUTOATTACK_RAND: 100,
  ATTACK_KIND_AUTOATTACK_DECISIVE: 100,
};

const FIXED_STEP: readonly AttackKind[] = ['ATTACK_KIND_FGSM', 'ATTACK_KIND_PGD', 'ATTACK_KIND_CW'];
const TARGETED: readonly AttackKind[] = [
  'ATTACK_KIND_APGD_T',
  'ATTACK_KIND_FAB_T',
  'ATTACK_KIND_AUTOATTACK_STANDARD',
  'ATTACK_KIND_AUTOATTACK_PLUS',
  'ATTACK_KIND_AUTOATTACK_DECISIVE',
];
const LISTS: readonly AttackKind[] = [
  'ATTACK_KIND_AUTOATTACK_STANDARD',
  'ATTACK_KIND_AUTOATTACK_PLUS',
  'ATTACK_KIND_AUTOATTACK_RAND',
  'ATTACK_KIND_AUTOATTACK_DECISIVE',
];

/** Random starts of PGD-like attacks: an image counts as robust only if it survives all of them (paper, section 5.1). */
const RESTARTS = 3;
/** Targets of AutoAttack's targeted attacks; fewer where there are fewer other classes. */
const TARGETS = 9;

/**
 * The complete attack that a choice stands for.
 *
 * @param classes classes of the network, which bound the targets of targeted attacks
 * @throws a usage error when an option means nothing for this attack
 */
export function completeAttack(choice: AttackChoice, classes: number): AttackSpec {
  const { kind } = choice;
  const isList = LISTS.includes(kind);
  const isIterated = FIXED_STEP.includes(kind);
  refuse(!isIterated && choice.stepSize !== undefined, '--step', 'this attack chooses its own step size');
  refuse(
    kind === 'ATTACK_KIND_FGSM' && choice.steps !== undefined && choice.steps !== 1,
    '--steps',
    'FGSM takes exactly one step; use --attack pgd',
  );
  refuse(isList && choice.steps !== undefined, '--steps', 'AutoAttack is a fixed list of attacks');
  refuse(isList && choice.restarts !== undefined, '--restarts', 'AutoAttack is a fixed list of attacks');
  refuseTargets(kind, choice.targets);

  const norm = choice.norm ?? 'NORM_LINF';
  const epsilon = choice.epsilon ?? RADIUS[norm];
  const share = kind === 'ATTACK_KIND_FGSM' ? 1 : STEP_SHARE[norm];
  // At radius 0 any step does; it still has to be greater than 0.
  const stepSize = isIterated ? (choice.stepSize ?? (epsilon > 0 ? epsilon : RADIUS[norm]) * share) : 0;
  return {
    kind,
    threatModel: { norm, epsilon },
    stepSize,
    steps: choice.steps ?? STEPS[kind],
    restarts: choice.restarts ?? (kind === 'ATTACK_KIND_PGD' || kind === 'ATTACK_KIND_CW' ? RESTARTS : 1),
    randomStart: choice.randomStart ?? kind !== 'ATTACK_KIND_FGSM',
    targets: TARGETED.includes(kind) ? Math.min(choice.targets ?? TARGETS, classes - 1) : 0,
    toTheEnd: choice.toTheEnd ?? false,
  };
}

/** An attack in another threat model: its step stays the same share of the radius, and is the norm's usual share in another norm. */
export function within(attack: AttackSpec, { norm, epsilon }: Pick<AttackChoice, 'norm' | 'epsilon'>): AttackSpec {
  const model = attack.threatModel;
  if (!model || (norm === undefined && epsilon === undefined)) return attack;
  const chosenNorm = norm ?? model.norm;
  const isOther = chosenNorm !== model.norm;
  const radius = epsilon ?? (isOther ? RADIUS[chosenNorm] : model.epsilon);
  const share = isOther && attack.steps > 1 ? STEP_SHARE[chosenNorm] : attack.stepSize / model.epsilon;
  // At radius 0 any step does; it still has to be greater than 0.
  const stepSize = (radius > 0 ? radius : model.epsilon) * share;
  return { ...attack, threatModel: { norm: chosenNorm, epsilon: radius }, stepSize };
}

/**
 * A profile's PGD with what a user says about it; what is left out stays the profile's.
 *
 * @throws a usage error when an option means nothing for PGD
 */
export function changedPgd(attack: AttackSpec, choice: Omit<AttackChoice, 'kind'>): AttackSpec {
  refuseTargets(attack.kind, choice.targets);
  const { stepSize, steps, restarts, ...placed } = within(attack, choice);
  return { ...placed, stepSize: choice.stepSize ?? stepSize, steps: choice.steps ?? steps, restarts: choice.restarts ?? restarts };
}

function refuseTargets(kind: AttackKind, targets: number | undefined): void {
  refuse(!TARGETED.includes(kind) && targets !== undefined, '--targets', 'this attack has no target classes');
}

function refuse(isWrong: boolean, option: string, why: string): void {
  if (isWrong) throw usageError(`${option} cannot be used here: ${why}.`);
}
