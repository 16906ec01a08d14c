import type { FineTuneSpec, SweepPoint } from '@rift/contracts';
import { FailedPrecondition } from '@rift/service-kit';

/**
 * The settings of one short fine-tuning of a sweep: those of the real one for a few epochs at a constant rate, so that the rates are
 * compared and not their schedules.
 */
export function shortSpec(spec: FineTuneSpec, epochs: number): FineTuneSpec {
  const { optimizer } = spec;
  const constant = optimizer && { ...optimizer, schedule: 'SCHEDULE_KIND_CONSTANT' as const, milestones: [] };
  return { ...spec, optimizer: constant, epochs, keepBest: true };
}

/**
 * Chooses the learning rate with the best accuracy on the selection images; of equal ones the smallest, which moves the weights least.
 *
 * @param points by rising rate.
 * @throws FailedPrecondition when no rate gave a finite accuracy.
 */
export function choosePoint(points: readonly SweepPoint[]): { point: SweepPoint; reason: string } {
  const measured = points.filter(({ selectionStandard }) => Number.isFinite(selectionStandard) && selectionStandard >= 0);
  const [first, ...others] = measured;
  if (!first) throw new FailedPrecondition('the sweep of learning rates', 'no rate gave a finite accuracy; sweep smaller rates');
  const point = others.reduce((best, other) => (other.selectionStandard > best.selectionStandard ? other : best), first);
  const edge = points.length > 1 && (point === points[0] || point === points.at(-1));
  return {
    point,
    reason:
      `Learning rate ${point.learningRate} has the best accuracy on the selection images ` +
      `(${(100 * point.selectionStandard).toFixed(2)} %) of ${points.length} rates` +
      `${edge ? '; it lies at the end of the sweep, a wider one may find a better' : ''}.`,
  };
}
