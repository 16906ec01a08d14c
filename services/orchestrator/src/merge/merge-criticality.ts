import type { CriticalityResult, ModuleCriticality } from '@rift/contracts';
import { Internal } from '@rift/service-kit';

/** Relative difference of the base loss that rounding explains between workers of different hardware. */
const BASE_LOSS_TOLERANCE = 0.02;

/**
 * Joins the criticalities of groups of modules into one result by rising criticality; modules without a number come last.
 *
 * @param parts at least one; all measured on the same network and adversarial set.
 * @throws Internal when the parts disagree about the loss before any change: they did not measure the same thing.
 */
export function mergeCriticality(parts: readonly CriticalityResult[]): CriticalityResult {
  const first = parts[0];
  if (!first) throw new Internal('No module was measured.');
  for (const part of parts) {
    if (Math.abs(part.baseLoss - first.baseLoss) > BASE_LOSS_TOLERANCE * Math.abs(first.baseLoss)) {
      throw new Internal(`Workers disagree about the loss on the adversarial set: ${first.baseLoss} and ${part.baseLoss}.`);
    }
  }
  const modules = parts.flatMap((part) => part.modules).sort(compareMrc);
  const estimates = parts.flatMap((part) => part.estimates).sort((a, b) => a.firstOrder - b.firstOrder);
  return { baseLoss: first.baseLoss, baseAccuracy: first.baseAccuracy, modules, estimates, stability: null, greedy: [] };
}

/** Orders by rising criticality; modules without a number come last. */
export function compareMrc(a: Pick<ModuleCriticality, 'mrc'>, b: Pick<ModuleCriticality, 'mrc'>): number {
  const rank = ({ mrc }: Pick<ModuleCriticality, 'mrc'>): number => (Number.isNaN(mrc) ? Infinity : mrc);
  return rank(a) - rank(b) || 0;
}
