import { AttackKind, Norm } from '@rift/contracts';

import { atLeastZero, count, flag, list, message, oneOf, positive, distinct, text, uint32 } from './rules.js';

/** What an attacker may do to an image. */
export const threatModel = message({ norm: oneOf(Norm), epsilon: atLeastZero() }).refine(
  ({ norm, epsilon }) => norm !== Norm.NORM_LINF || epsilon <= 1,
  { path: ['epsilon'], error: 'must be at most 1 in NORM_LINF: pixels are in [0, 1], so eight grey levels are 8/255 = 0.03137' },
);

const STEPPED: readonly string[] = [AttackKind.ATTACK_KIND_FGSM, AttackKind.ATTACK_KIND_PGD, AttackKind.ATTACK_KIND_CW];
const TARGETED: readonly string[] = [
  AttackKind.ATTACK_KIND_APGD_T,
  AttackKind.ATTACK_KIND_FAB_T,
  AttackKind.ATTACK_KIND_AUTOATTACK_STANDARD,
  AttackKind.ATTACK_KIND_AUTOATTACK_PLUS,
  AttackKind.ATTACK_KIND_AUTOATTACK_DECISIVE,
];

/** A complete attack. */
export const attackSpec = message({
  kind: oneOf(AttackKind),
  threatModel,
  stepSize: atLeastZero(),
  steps: count(1, 100_000),
  restarts: count(1, 1000),
  randomStart: flag(),
  targets: count(0, 100_000),
  toTheEnd: flag(),
})
  .refine(({ kind, stepSize }) => !STEPPED.includes(kind) || positive().safeParse(stepSize).success, {
    path: ['stepSize'],
    error: 'must be greater than 0 for FGSM, PGD and CW',
  })
  .refine(({ kind, targets }) => !TARGETED.includes(kind) || targets >= 1, {
    path: ['targets'],
    error: 'must be at least 1 for targeted attacks',
  });

/** Settings of an adversarial set. */
export const craftSpec = message({ attack: attackSpec, seed: uint32() });

const corruption = () => text(/^[a-z][a-z_]{0,63}$/, "must be a corruption in CIFAR-C's spelling, like gaussian_noise");
const severity = () => count(1, 5);

/** Whether adversarial accuracies can be believed. */
export const diagnosticsSpec = message({ threatModel, images: count(1, 10_000) })
  .refine(({ threatModel: { norm } }) => norm !== Norm.NORM_L1, {
    path: ['threatModel', 'norm'],
    error: 'must be NORM_LINF or NORM_L2',
  })
  .refine(({ threatModel: { epsilon } }) => epsilon > 0, { path: ['threatModel', 'epsilon'], error: 'must be greater than 0' });

/** What is measured on a network. */
export const evaluateSpec = message({
  standard: flag(),
  attacks: list(attackSpec, 100),
  corruptions: distinct(corruption(), 100),
  severities: distinct(severity(), 5),
  seed: uint32(),
  gallery: count(0, 100),
  diagnostics: diagnosticsSpec.nullable(),
})
  .refine(({ corruptions, severities }) => corruptions.length === 0 || severities.length > 0, {
    path: ['severities'],
    error: 'must name at least one severity with corruptions',
  })
  .refine(
    ({ standard, attacks, corruptions, diagnostics }) => standard || attacks.length > 0 || corruptions.length > 0 || diagnostics !== null,
    {
      path: ['standard'],
      error: 'must be true where neither attacks nor corruptions nor diagnostics are asked for',
    },
  )
  .refine(({ gallery, attacks }) => gallery === 0 || attacks.length > 0, {
    path: ['gallery'],
    error: 'must be 0 without attacks: its pictures are adversarial images',
  });

/** Settings of corrupting a data set. */
export const corruptSpec = message({ corruption: corruption(), severity: severity(), seed: uint32() });
