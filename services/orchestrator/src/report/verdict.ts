import { changeInWords, count, decimalsFor, decimalsOf, percent, percentRange, plainSpaces, points, signedPoints } from './format.js';
import type { AccuracyData, ChangeData, Conclusion, EvaluationData, Finding } from './data/types.js';

/** What a verdict is worded from. */
export interface VerdictFacts {
  readonly standard: ChangeData | null;
  readonly adversarial: ChangeData | null;
  readonly ood: ChangeData | null;
  /** Adversarial accuracy that may be lost, a fraction. */
  readonly margin: number;
  /** Position chosen on the line; null when the plan has no such stage. */
  readonly alpha: number | null;
  /** Figures of the only network that was measured, when there is just one. */
  readonly only: EvaluationData | undefined;
}

/** A verdict: the sentence and the fixed words behind it. */
export interface Verdict {
  readonly text: string;
  readonly conclusion: Conclusion;
}

/**
 * Words the verdict from the statistics alone. A change counts only when it is significant (exact McNemar test, p < 0.05);
 * "no significant change" under attack is always followed by the loss that the data rule out, since it is no proof that
 * nothing was lost.
 */
export function verdictOf(facts: VerdictFacts): Verdict {
  const kept = facts.adversarial ? facts.adversarial.lowerBound95 > -facts.margin : null;
  const conclusion: Conclusion = {
    standard: findingOf(facts.standard),
    adversarial: findingOf(facts.adversarial),
    ood: findingOf(facts.ood),
    robustnessKept: kept,
    margin: facts.margin,
    supportedMargin: facts.adversarial?.supportedMargin ?? null,
  };
  return { text: plainSpaces(wording(facts, kept)), conclusion };
}

function findingOf(change: ChangeData | null): Finding {
  if (!change) return 'not-measured';
  if (!change.significant) return 'no-significant-change';
  return change.difference > 0 ? 'gained' : 'lost';
}

function wording(facts: VerdictFacts, kept: boolean | null): string {
  const { standard, adversarial, ood } = facts;
  if (!standard && !adversarial && !ood) {
    return facts.only
      ? measured(facts.only)
      : 'No comparison: before and after were not measured on the same images with the same attacks.';
  }
  if (facts.alpha === 0 && isUnchanged(standard) && isUnchanged(adversarial) && isUnchanged(ood)) {
    return 'No change: no network on the line was better and kept its robustness, so the original was kept (alpha = 0).';
  }
  const parts = [clean(standard), attacked(adversarial)];
  if (ood) parts.push(corrupted(ood));
  return `${capital(parts.join(', '))}.${adversarial ? ` ${robustness(adversarial, facts.margin, kept)}` : ''}`;
}

/** Accuracies of a network that is compared with none. */
function measured({ standard, adversarial, ood }: EvaluationData): string {
  const words = (what: string, figure: AccuracyData | null): string[] => {
    if (!figure) return [];
    const decimals = decimalsOf(figure);
    return [`${what} ${percent(figure.accuracy, decimals)} (95\u202f% CI ${percentRange(figure.ci95, decimals)})`];
  };
  const parts = [
    ...words('standard accuracy', standard),
    ...words(`adversarial accuracy under ${adversarial?.attack ?? ''}`, adversarial),
    ...words('mean accuracy under corruptions', ood),
  ];
  return parts.length === 0
    ? 'No accuracy was measured in this run.'
    : `${capital(parts.join(', '))}. One network was measured, so nothing is compared.`;
}

function isUnchanged(change: ChangeData | null): boolean {
  return change === null || (change.difference === 0 && change.standardError === 0);
}

function clean(change: ChangeData | null): string {
  if (!change) return 'clean accuracy was not compared';
  return change.significant ? figure(change, 'clean') : `no significant change on clean images (${inBrackets(change)})`;
}

function attacked(change: ChangeData | null): string {
  if (!change) return 'accuracy under attack was not compared';
  return change.significant ? figure(change, 'under attack') : `no significant change under attack (${inBrackets(change)})`;
}

function corrupted(change: ChangeData): string {
  return change.significant ? figure(change, 'under corruptions') : `no significant change under corruptions (${inBrackets(change)})`;
}

/** "+1.9 points clean (95 % CI +1.1 to +2.7)". */
function figure(change: ChangeData, where: string): string {
  return changeInWords(change).replace(' points (', ` points ${where} (`);
}

/** "−0.1, 95 % CI −0.9 to +0.7". */
function inBrackets(change: ChangeData): string {
  return changeInWords(change).replace(' points (', ' points, ').replace(/\)$/, '');
}

/** What the data say of robustness, plainly. */
function robustness(change: ChangeData, margin: number, kept: boolean | null): string {
  const decimals = decimalsFor(change.images);
  const lost = points(change.difference, decimals);
  // Rounded up: the loss that is ruled out must not look smaller than it is.
  const ruledOut = points(Math.ceil(change.supportedMargin * 10 ** (decimals + 2) - 1e-9) / 10 ** (decimals + 2), decimals);
  const allowed = points(margin, Math.max(decimals, 1));
  if (change.significant && change.difference < 0) {
    const within = kept === true ? `, though less than the margin of ${allowed} points` : '';
    return `Robustness was lost: ${lost} points of accuracy under attack${within}.`;
  }
  if (change.significant) return `Robustness rose by ${signedPoints(change.difference, decimals).replace('+', '')} points.`;
  if (change.lost === 0 && change.gained === 0) return 'Robustness was kept: not one image changed its outcome under attack.';
  if (kept === true)
    return `Robustness was kept: a loss of more than ${ruledOut} points is ruled out (one-sided 95 %), within the margin of ${allowed}.`;
  return (
    `Whether robustness was kept within the margin of ${allowed} points is open: on ${count(change.images)} images the data rule out only ` +
    `losses above ${ruledOut} points (one-sided 95 %).`
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
