import type { CriticalityResult, GreedySpec, GreedyStep, ModuleCriticality } from '@rift/contracts';
import { FailedPrecondition } from '@rift/service-kit';
import { mergeCriticality } from '../../merge/merge-criticality.js';
import { groupsOf } from '../../merge/shards.js';
import { required, type StageContext } from '../stage-context.js';
import { criticalityUnit, type CriticalityInputs } from './criticality-units.js';

/**
 * Grows a set of modules: from the least critical one on, each step measures the joint criticality of the set with every candidate
 * (one ball per module, all perturbed at once) and adds the candidate with which it is least. The paper takes the modules with
 * the least criticalities of their own (table 4) and names this extension as open.
 *
 * @param measured criticality of each module alone, by rising criticality.
 * @throws FailedPrecondition when there are fewer modules than the set is to hold.
 */
export async function growSet(
  context: StageContext,
  inputs: CriticalityInputs,
  measured: CriticalityResult,
  { modules: size, candidates: most }: GreedySpec,
): Promise<{ steps: GreedyStep[]; cached: boolean }> {
  const candidates = measured.modules.filter(({ mrc }) => Number.isFinite(mrc));
  const first = candidates[0];
  if (!first || candidates.length < size) {
    throw new FailedPrecondition(
      `stage ${context.stageId}`,
      `${candidates.length} modules have a finite criticality, fewer than the ${size} that the greedy set is to hold; measure more modules`,
    );
  }
  const steps: GreedyStep[] = [stepOf(first, 0)];
  let cached = true;
  while (steps.length < size) {
    const chosen = required(steps.at(-1), 'a first step').modules;
    const open = candidates.filter(({ name }) => !chosen.includes(name)).slice(0, most === 0 ? undefined : most);
    const step = await bestAddition(context, inputs, chosen, open);
    steps.push(step.step);
    cached &&= step.cached;
    await context.log(`joint criticality of ${step.step.modules.join(', ')}: ${step.step.mrc.toPrecision(3)}`);
  }
  return { steps, cached };
}

async function bestAddition(
  context: StageContext,
  inputs: CriticalityInputs,
  chosen: readonly string[],
  open: readonly ModuleCriticality[],
): Promise<{ step: GreedyStep; cached: boolean }> {
  const groups = open.map(({ name }) => ({ name, modules: [...chosen, name] }));
  const { values, cached } = await context.units(
    'modules',
    groupsOf(groups).map((some) =>
      criticalityUnit(context, {
        ...inputs,
        spec: { ...inputs.spec, modules: [], grouping: 'MODULE_GROUPING_NAMED', groups: some },
      }),
    ),
  );
  const best = mergeCriticality(values).modules.find(({ mrc }) => Number.isFinite(mrc));
  if (!best) {
    throw new FailedPrecondition(`stage ${context.stageId}`, `no module has a finite joint criticality with ${chosen.join(', ')}`);
  }
  return { step: { ...stepOf(best, open.length), modules: [...chosen, best.name] }, cached };
}

function stepOf({ name, mrc, standardError }: ModuleCriticality, tried: number): GreedyStep {
  return { added: name, modules: [name], mrc, standardError, tried };
}
