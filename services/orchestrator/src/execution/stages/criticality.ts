import type { CriticalityResult, CriticalityStage, ModuleEstimate } from '@rift/contracts';
import { mergeCriticality } from '../../merge/merge-criticality.js';
import { mergeSeeds } from '../../merge/merge-seeds.js';
import { seedFor } from '../../plan/seeds.js';
import { partialCriticality } from '../partial-result.js';
import { networkDigest, required, type StageContext, type StageOutcome } from '../stage-context.js';
import { criticalityUnit, portionsByEstimate, portionsOf, type CriticalityInputs, type Portion } from './criticality-units.js';
import { growSet } from './greedy.js';

/**
 * Measures the criticality of modules, a few a call, spread over all trainers: by one seed or several, of all modules or of those with
 * the lowest first-order estimates, and where the plan asks for it the joint criticality of a growing set.
 */
export async function criticality(context: StageContext, stage: CriticalityStage): Promise<StageOutcome> {
  const spec = required(stage.spec, 'settings of the criticality');
  const inputs: CriticalityInputs = {
    network: await networkDigest(context, stage.network),
    adversarialSet:
      stage.adversarialSet === 'craftStage'
        ? required((await context.resultOf(stage.craftStage ?? '')).craft, 'an adversarial set').digest
        : required(stage.digest, 'an adversarial set'),
    spec,
  };
  if (spec.estimateOnly) return await estimateAlone(context, inputs);
  const pruned = stage.measuredShare > 0 ? await estimatesOf(context, inputs) : undefined;
  const portions = pruned ? portionsByEstimate(spec, pruned.estimates, stage.measuredShare) : await portionsOf(context, inputs);
  const measured = await measureSeeds(context, inputs, portions, Math.max(1, stage.seeds));
  const grown = stage.greedy ? await growSet(context, inputs, measured.result, stage.greedy) : { steps: [], cached: true };
  const result = { ...measured.result, estimates: pruned?.estimates ?? [], greedy: grown.steps };
  return {
    result: { result: 'criticality', criticality: result },
    cached: measured.cached && grown.cached && (pruned?.cached ?? true),
  };
}

async function estimateAlone(context: StageContext, inputs: CriticalityInputs): Promise<StageOutcome> {
  const { values, cached } = await context.units('modules', [criticalityUnit(context, inputs)]);
  return { result: { result: 'criticality', criticality: mergeCriticality(values) }, cached };
}

/** First-order estimates of all that is to be measured, by rising estimate: one backward pass on one trainer. */
async function estimatesOf(context: StageContext, inputs: CriticalityInputs): Promise<{ estimates: ModuleEstimate[]; cached: boolean }> {
  const estimating = { ...inputs, spec: { ...inputs.spec, estimateOnly: true } };
  const { values, cached } = await context.units(undefined, [criticalityUnit(context, estimating)]);
  return { estimates: required(values[0], 'first-order estimates').estimates, cached };
}

async function measureSeeds(
  context: StageContext,
  inputs: CriticalityInputs,
  portions: readonly Portion[],
  seeds: number,
): Promise<{ result: CriticalityResult; cached: boolean }> {
  const { spec } = inputs;
  const specs = Array.from({ length: seeds }, (_, index) => ({
    ...spec,
    seed: index === 0 ? spec.seed : seedFor(spec.seed, `criticality seed ${index}`),
  }));
  const { values, cached } = await context.units(
    'modules',
    specs.flatMap((seeded) => portions.map((portion) => criticalityUnit(context, { ...inputs, spec: { ...seeded, ...portion } }))),
    // Rows of several seeds would name every module more than once.
    seeds === 1 ? partialCriticality() : undefined,
  );
  const ofSeeds = specs.map((_, index) => mergeCriticality(values.slice(index * portions.length, (index + 1) * portions.length)));
  return { result: mergeSeeds(ofSeeds), cached };
}
