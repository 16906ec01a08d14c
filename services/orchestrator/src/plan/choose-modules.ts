import type { CriticalityResult, ModuleChoice, ModuleCriticality } from '@rift/contracts';

/** The modules that are fine-tuned, and how certain the choice is. */
export interface ChosenModules {
  /** Modules whose weights move, in the order of choice; a block or a group stands for all of its own. */
  readonly modules: readonly string[];
  /** Names of others whose criticality is within the tie band of the last one chosen, by distance. */
  readonly tied: readonly string[];
  /** Names of modules without a finite criticality; they cannot be chosen. */
  readonly excluded: readonly string[];
  /** Why, in a sentence. */
  readonly reason: string;
}

/** What a choice is made by. */
export interface MeasuredModules {
  readonly modules: readonly (Readonly<Pick<ModuleCriticality, 'name' | 'mrc' | 'standardError'>> & {
    readonly modules: readonly string[];
    readonly seedMrcs: readonly number[];
  })[];
  readonly greedy: CriticalityResult['greedy'];
}

type Measured = MeasuredModules['modules'][number];

/** The least critical module, when nothing else is said. */
const LEAST: ModuleChoice = { rule: 'MODULE_RULE_LEAST_CRITICAL', count: 1 };

/**
 * Chooses modules by their criticality: the least critical ones (paper equation 7, table 4), the most critical ones (table 3), or the
 * set grown by joint criticality. Modules without a finite criticality never win; the published code lets a module whose ascent
 * only met NaN win. Others within the tie band of the last one chosen are named: the larger of both standard errors over
 * images and, where several seeds measured, of both spreads over seeds.
 *
 * @param choice undefined chooses the least critical module.
 * @returns undefined when fewer modules than asked for have a finite criticality, or no set was grown.
 */
export function chooseModules(result: MeasuredModules, choice: ModuleChoice = LEAST): ChosenModules | undefined {
  const count = Math.max(1, choice.count);
  if (choice.rule === 'MODULE_RULE_GREEDY') return grown(result, count);
  const finite = result.modules.filter((module) => Number.isFinite(module.mrc));
  const excluded = result.modules.filter((module) => !Number.isFinite(module.mrc)).map((module) => module.name);
  const direction = choice.rule === 'MODULE_RULE_MOST_CRITICAL' ? -1 : 1;
  const ordered = [...finite].sort((a, b) => direction * (a.mrc - b.mrc) || compareNames(a.name, b.name));
  const chosen = ordered.slice(0, count);
  const last = chosen.at(-1);
  if (!last || chosen.length < count) return undefined;
  const tied = ordered
    .slice(count)
    .filter((other) => Math.abs(other.mrc - last.mrc) <= Math.max(bandOf(other), bandOf(last)))
    .map((other) => other.name);
  const reason = describe(chosen, direction > 0 ? 'smallest' : 'largest', finite.length, tied, excluded);
  return { modules: [...new Set(chosen.flatMap(membersOf))], tied, excluded, reason };
}

/** Modules that a row of the result stands for. */
export function membersOf(module: Pick<Measured, 'name' | 'modules'>): readonly string[] {
  return module.modules.length > 0 ? module.modules : [module.name];
}

function grown({ greedy }: MeasuredModules, count: number): ChosenModules | undefined {
  const step = greedy[count - 1];
  if (!step) return undefined;
  const reason =
    `${step.modules.join(', ')} were taken one after the other, each with the smallest joint criticality; ` +
    `together it is ${step.mrc.toPrecision(3)}.`;
  return { modules: step.modules, tied: [], excluded: [], reason };
}

/** Half-width within which two modules cannot be told apart: by their images, or by the seeds that measured them. */
function bandOf({ standardError, seedMrcs }: Measured): number {
  const error = Number.isFinite(standardError) ? standardError : 0;
  const seeds = seedMrcs.filter(Number.isFinite);
  return seeds.length > 1 ? Math.max(error, Math.max(...seeds) - Math.min(...seeds)) : error;
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function describe(
  chosen: readonly Measured[],
  which: string,
  measured: number,
  tied: readonly string[],
  excluded: readonly string[],
): string {
  const named = chosen.map((module) => `${module.name} (${module.mrc.toPrecision(3)})`).join(', ');
  const parts =
    chosen.length === 1
      ? [`${chosen[0]?.name} has the ${which} criticality (${chosen[0]?.mrc.toPrecision(3)}) of ${measured} measured`]
      : [`${named} have the ${chosen.length} ${which} criticalities of ${measured} measured`];
  if (tied.length > 0) parts.push(`tied within the band of images and seeds with ${tied.join(', ')}`);
  if (excluded.length > 0) parts.push(`without a finite value and left out: ${excluded.join(', ')}`);
  return `${parts.join('; ')}.`;
}
