import type { CriticalityResult, ModuleCriticality } from '@rift/contracts';

/** The module that is fine-tuned, and how certain the choice is. */
export interface ModuleChoice {
  readonly module: ModuleCriticality;
  /** Names of the other modules whose criticality is within the standard error of the smallest, by rising criticality. */
  readonly tied: readonly string[];
  /** Names of modules without a finite criticality; they cannot be chosen. */
  readonly excluded: readonly string[];
  /** Why, in a sentence. */
  readonly reason: string;
}

/**
 * Chooses the least robust-critical module (paper equation 7): the smallest criticality. Modules without a finite one never
 * win; the published code lets a module whose ascent only met NaN win. Others closer than the larger of both standard
 * errors are reported as tied; by name they would order differently on other images.
 *
 * @returns undefined when no module has a finite criticality.
 */
export function chooseModule(result: CriticalityResult): ModuleChoice | undefined {
  const finite = result.modules.filter((module) => Number.isFinite(module.mrc));
  const excluded = result.modules.filter((module) => !Number.isFinite(module.mrc)).map((module) => module.name);
  const ordered = [...finite].sort((a, b) => a.mrc - b.mrc || compareNames(a.name, b.name));
  const [module, ...others] = ordered;
  if (!module) return undefined;
  const tied = others.filter((other) => other.mrc - module.mrc <= Math.max(errorOf(other), errorOf(module))).map((other) => other.name);
  return { module, tied, excluded, reason: describe(module, finite.length, tied, excluded) };
}

function errorOf(module: ModuleCriticality): number {
  return Number.isFinite(module.standardError) ? module.standardError : 0;
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function describe(module: ModuleCriticality, measured: number, tied: readonly string[], excluded: readonly string[]): string {
  const parts = [`${module.name} has the smallest criticality (${module.mrc.toPrecision(3)}) of ${measured} measured`];
  if (tied.length > 0) parts.push(`tied within the standard error with ${tied.join(', ')}`);
  if (excluded.length > 0) parts.push(`without a finite value and left out: ${excluded.join(', ')}`);
  return `${parts.join('; ')}.`;
}
