import type { AlphaPoint, AlphaRule, Outcome } from '@rift/contracts';
import { FailedPrecondition } from '@rift/service-kit';
import { nonInferiority, pairedDifference, type NonInferiority } from '../statistics/paired.js';

/** A chosen position on the line. */
export interface AlphaChoice {
  readonly alpha: number;
  /** Why, in a sentence. */
  readonly reason: string;
}

/** Slack for comparing a count with a margin that is no binary fraction. */
const ROUNDING = 1e-9;

/**
 * Chooses alpha (paper section 4, step 3): the largest standard accuracy among the points whose adversarial accuracy is kept,
 * and of equal ones the smallest alpha, nearest to the original.
 *
 * Kept means for ALPHA_RULE_PAPER: at least the original's minus the margin. For ALPHA_RULE_NON_INFERIOR: the one-sided 95 % lower
 * bound of the paired difference to the original lies above minus the margin. The original itself always qualifies.
 *
 * @param points measured points, all on the same images; the one at alpha 0 is the original.
 * @param margin adversarial accuracy that may be lost, a fraction.
 * @throws FailedPrecondition when there is no point at alpha 0 or a point lacks an outcome.
 */
export function chooseAlpha(points: readonly AlphaPoint[], rule: AlphaRule, margin: number): AlphaChoice {
  const measured = points.map(readPoint);
  const original = measured.find((point) => point.alpha === 0);
  if (!original)
    throw new FailedPrecondition('interpolate', 'no point at alpha = 0 was measured, so nothing can be compared with the original');
  const kept = measured.filter((point) => point === original || isKept(point, original, rule, margin));
  const best = kept.reduce((a, b) => (isBetter(b, a) ? b : a));
  return { alpha: best.alpha, reason: describe(best, original, kept.length, measured.length, rule, margin) };
}

/**
 * The positions that halve the distances from a chosen one to its neighbours: two, or one at an end of the line. A walk need not be
 * monotone (in the paper's figure 1 robustness rises before it falls), so refining looks on both sides.
 *
 * @param alphas positions measured so far, rising; `chosen` is one of them.
 */
export function middlesAround(alphas: readonly number[], chosen: number): number[] {
  const at = alphas.indexOf(chosen);
  const neighbours = [alphas[at - 1], alphas[at + 1]].filter((alpha) => alpha !== undefined);
  // Rounded to ten places, so that 0.45 is not 0.45000000000000001.
  return neighbours.map((alpha) => Number(((alpha + chosen) / 2).toFixed(10)));
}

interface Point {
  readonly alpha: number;
  readonly standard: Outcome;
  readonly adversarial: Outcome;
}

function readPoint(point: AlphaPoint): Point {
  const adversarial = point.adversarial?.outcome;
  if (!point.standard || !adversarial) throw new FailedPrecondition('interpolate', `the point at alpha = ${point.alpha} lacks an accuracy`);
  return { alpha: point.alpha, standard: point.standard, adversarial };
}

function accuracy(outcome: Outcome): number {
  return outcome.total === 0 ? 0 : outcome.correct / outcome.total;
}

function isBetter(a: Point, b: Point): boolean {
  const difference = accuracy(a.standard) - accuracy(b.standard);
  return difference > 0 || (difference === 0 && a.alpha < b.alpha);
}

function isKept(point: Point, original: Point, rule: AlphaRule, margin: number): boolean {
  if (rule === 'ALPHA_RULE_NON_INFERIOR') return compare(point, original, margin).holds;
  return accuracy(point.adversarial) >= accuracy(original.adversarial) - margin - ROUNDING;
}

function compare(point: Point, original: Point, margin: number): NonInferiority {
  return nonInferiority(pairedDifference(original.adversarial.perImage, point.adversarial.perImage), margin);
}

function describe(best: Point, original: Point, kept: number, all: number, rule: AlphaRule, margin: number): string {
  const how =
    rule === 'ALPHA_RULE_NON_INFERIOR'
      ? `whose adversarial accuracy is non-inferior to the original's (margin ${points(margin)}, paired one-sided 95 % test)`
      : `whose adversarial accuracy is at least the original's minus ${points(margin)}`;
  if (best === original) return `No other of ${all} alphas has a larger standard accuracy among those ${how}; the original is kept.`;
  const parts = [
    `alpha = ${best.alpha} has the largest standard accuracy (${percent(accuracy(best.standard))}, original ` +
      `${percent(accuracy(original.standard))}) of ${kept} of ${all} alphas ${how}`,
    `its adversarial accuracy is ${percent(accuracy(best.adversarial))} (original ${percent(accuracy(original.adversarial))}` +
      (rule === 'ALPHA_RULE_NON_INFERIOR' ? `, lower bound of the change ${points(compare(best, original, margin).lowerBound)})` : ')'),
  ];
  return `${parts.join('; ')}.`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

function points(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} points`;
}
