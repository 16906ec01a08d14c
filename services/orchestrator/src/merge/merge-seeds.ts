import type { CriticalityResult, ModuleCriticality, RankStability } from '@rift/contracts';
import { Internal } from '@rift/service-kit';
import { spearman } from '../statistics/rank.js';
import { compareMrc } from './merge-criticality.js';

/**
 * Joins the measurements of several seeds on the same network, set and modules. The criticality is a maximum and every seed a search for
 * it, so of each module the seed that found most counts; all values are kept beside it.
 *
 * @param seeds at least one result, each of one seed over all modules.
 * @throws Internal when the seeds measured different modules.
 */
export function mergeSeeds(seeds: readonly CriticalityResult[]): CriticalityResult {
  const [first, ...others] = seeds;
  if (!first) throw new Internal('No seed was measured.');
  if (others.length === 0) return first;
  const rows = first.modules.map(({ name }) => seeds.map((seed) => rowOf(seed, name)));
  const modules = rows.map((ofSeeds) => {
    const best = ofSeeds.reduce((a, b) => (b.mrc > a.mrc || !Number.isFinite(a.mrc) ? b : a));
    return {
      ...best,
      seconds: ofSeeds.reduce((sum, { seconds }) => sum + seconds, 0),
      nanEpochs: ofSeeds.reduce((sum, { nanEpochs }) => sum + nanEpochs, 0),
      seedMrcs: ofSeeds.map(({ mrc }) => mrc),
    };
  });
  modules.sort(compareMrc);
  return { ...first, modules, stability: stabilityOf(modules, seeds.length) };
}

function rowOf({ modules }: CriticalityResult, name: string): ModuleCriticality {
  const row = modules.find((module) => module.name === name);
  if (!row) throw new Internal(`A seed did not measure module ${name}.`);
  return row;
}

/** @param modules by rising criticality, each with one value a seed */
function stabilityOf(modules: readonly ModuleCriticality[], seeds: number): RankStability {
  const finite = modules.filter(({ seedMrcs }) => seedMrcs.every(Number.isFinite));
  const ofSeed = (seed: number): number[] => finite.map(({ seedMrcs }) => seedMrcs[seed] ?? NaN);
  const correlations: number[] = [];
  for (let a = 0; a < seeds; a += 1) for (let b = a + 1; b < seeds; b += 1) correlations.push(spearman(ofSeed(a), ofSeed(b)));
  const least = Array.from({ length: seeds }, (_, seed) => {
    const values = ofSeed(seed);
    return finite.length > 0 && values[0] === Math.min(...values);
  });
  const spreads = finite.map(({ mrc, seedMrcs }) => (mrc > 0 ? (Math.max(...seedMrcs) - Math.min(...seedMrcs)) / mrc : 0));
  return {
    seeds,
    spearman: correlations.reduce((sum, value) => sum + value, 0) / correlations.length,
    leastAgreement: least.filter(Boolean).length / seeds,
    largestSpread: Math.max(0, ...spreads),
  };
}
