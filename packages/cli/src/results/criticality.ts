import type { CriticalityResult } from '@rift/contracts';
import { chooseModules } from '@rift/orchestrator/choose-modules';

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
    /** Modules perturbed together under this name. */
    readonly modules: readonly string[];
    /** MRC by each seed, where several measured. */
    readonly seedMrcs: readonly number[];
  }[];
  /** First-order estimates by rising estimate; empty unless asked for. */
  readonly estimates: CriticalityResult['estimates'];
  /** Agreement of the seeds; null with one. */
  readonly stability: CriticalityResult['stability'];
  /** The set grown by joint criticality; empty unless asked for. */
  readonly greedy: CriticalityResult['greedy'];
}

/** Criticality as scripts read it. */
export function criticalityDocument({ modules, ...rest }: CriticalityResult): CriticalityDocument {
  return { ...rest, modules: modules.map((module) => ({ ...module })).sort((a, b) => a.mrc - b.mrc) };
}

/** The same for people. */
export function criticalityText(document: CriticalityDocument, columns?: number): string {
  const { baseLoss, baseAccuracy, modules, estimates } = document;
  const parts = modules.length > 0 ? [modulesTable(modules, columns)] : [estimatesTable(estimates, columns)];
  const lines = [`On the adversarial images: loss ${baseLoss.toFixed(4)}, accuracy ${percent(baseAccuracy)}.`, ...remarks(document)];
  if (document.greedy.length > 0) parts.push(greedyTable(document.greedy, columns));
  return [...parts, lines.join('\n')].join('\n\n');
}

function modulesTable(modules: CriticalityDocument['modules'], columns?: number): string {
  const head = [
    { title: 'module' },
    { title: 'MRC', right: true },
    { title: '± s.e.', right: true },
    { title: 'robust drop, points', right: true },
    { title: '‖Δ‖/‖θ‖', right: true, optional: true },
    { title: 'time', right: true, optional: true },
  ];
  return table(
    head,
    modules.map((module) => [
      module.name,
      module.mrc.toFixed(4),
      module.standardError.toFixed(4),
      (module.robustAccuracyDrop * 100).toFixed(2),
      module.perturbationRatio.toFixed(3),
      duration(module.seconds),
    ]),
    columns,
  );
}

function estimatesTable(estimates: CriticalityDocument['estimates'], columns?: number): string {
  const rows = estimates.map(({ name, firstOrder }) => [name, firstOrder.toFixed(4)]);
  return table([{ title: 'module' }, { title: 'first-order estimate, no MRC', right: true }], rows, columns);
}

function greedyTable(steps: CriticalityDocument['greedy'], columns?: number): string {
  const rows = steps.map(({ added, mrc, tried }, index) => [String(index + 1), added, mrc.toFixed(4), String(tried)]);
  return table(
    [{ title: 'modules', right: true }, { title: 'added' }, { title: 'joint MRC', right: true }, { title: 'tried', right: true }],
    rows,
    columns,
  );
}

function remarks(document: CriticalityDocument): string[] {
  const { modules, estimates, stability } = document;
  const lines: string[] = [];
  const choice = chooseModules(document);
  if (choice) lines.push(choice.reason);
  if (stability !== null) {
    lines.push(
      `${stability.seeds} seeds: rank correlation ${stability.spearman.toFixed(3)}, ` +
        `${percent(stability.leastAgreement)} of them with this least critical module, ` +
        `largest spread of one module ${percent(stability.largestSpread)}.`,
    );
  }
  if (modules.length > 0 && estimates.length > modules.length) {
    lines.push(`${modules.length} of ${estimates.length} modules were measured, those of lowest first-order estimate.`);
  }
  const unstable = modules.filter(({ nanEpochs }) => nanEpochs > 0);
  if (unstable.length > 0)
    lines.push(`Steps whose loss was no finite number were left out at ${unstable.map(({ name }) => name).join(', ')}.`);
  return lines;
}
