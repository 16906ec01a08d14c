// The attack of every measurement: PGD-10 within the L-infinity ball of 8/255, as the contracts write it.

export const EPSILON = 8 / 255;
export const STEP = 2 / 255;

/** The same for the peers. */
export const peerAttack = ({ restarts = 1, batchSize = 128 } = {}) => ({
  epsilon: EPSILON,
  stepSize: STEP,
  steps: 10,
  restarts,
  batchSize,
});

/** @returns an AttackSpec; `targets` is read by targeted attacks only. */
export function attack({ kind = 'ATTACK_KIND_PGD', epsilon = EPSILON, stepSize = STEP, steps = 10, restarts = 1, toTheEnd = true } = {}) {
  return { kind, threatModel: { norm: 'NORM_LINF', epsilon }, stepSize, steps, restarts, randomStart: true, targets: 9, toTheEnd };
}
