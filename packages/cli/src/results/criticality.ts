import type { CriticalityResult } from '@rift/contracts';

import { duration, percent } from '../output/format.js';
import { table } from '../output/table.js';

/** Criticality of every module, as scripts read it, by rising MRC. */
export interface CriticalityDocument {
  readonly baseLoss: number;
  readonly baseAccuracy: number;
  readonly modules: readonly {
    readonly name: string;
    readonly mrc: number;
    readonly robustAccuracyDrop: number;
    readonly perturbationRatio: number;
    readonly firstOrder: number;
    readonly standardError: number;
    readonly nanEpochs: number;
    readonly seconds: number;
  }[];
}

/** Criticality as scripts read it. */
export function criticalityDocument({ baseLoss, baseAccuracy, modules }: CriticalityResult): CriticalityDocument {
  return { baseLoss, baseAccuracy, modules: modules.map((module) => ({ ...module })).sort((a, b) => a.mrc - b.mrc) };
}

/** The same for people. */
export function criticalityText({ baseLoss, baseAccuracy, modules }: CriticalityDocument, columns?: number): string {
  const rows = modules.map((module) => [
    module.name,
    module.mrc.toFixed(4),
    module.standardError.toFixed(4),
    (module.robustAccuracyDrop * 100).toFixed(2),
    module.perturbationRatio.toFixed(3),
    duration(module.seconds),
  ]);
  const head = [
    { title: 'module' },
    { title: 'MRC', right: true },
    { title: '± s.e.', right: true },
    { title: 'robust drop, points', right: true },
    { title: '‖Δ‖/‖θ‖', right: true, optional: true },
    { title: 'time', right: true, optional: true },
  ];
  const least = modules[0];
  const tied = least === undefined ? [] : modules.slice(1).filter((module) => module.mrc - least.mrc < least.standardError);
  const lines = [
    table(head, rows, columns),
    '',
    `On the adversarial images: loss ${baseLoss.toFixed(4)}, accuracy ${percent(baseAccuracy)}.`,
  ];
  if (least !== undefined) {
    const others = tied.length === 0 ? '' : `, tied within its standard error with ${tied.map(({ name }) => name).join(', ')}`;
    lines.push(`Least critical: ${least.name}${others}.`);
  }
  const unstable = modules.filter(({ nanEpochs }) => nanEpochs > 0);
  if (unstable.length > 0)
    lines.push(`Steps whose loss was no finite number were left out at ${unstable.map(({ name }) => name).join(', ')}.`);
  return lines.join('\n');
}
