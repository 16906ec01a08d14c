import { TrainerServiceConstructor, type CriticalityResult, type CriticalitySpec, type ModuleEstimate } from '@rift/contracts';
import { groupsOf } from '../../merge/shards.js';
import { resultCodec } from '../../messages/codec.js';
import { callJob } from '../../workers/job-call.js';
import type { StageContext } from '../stage-context.js';
import type { Unit } from '../unit.js';

const codec = resultCodec('criticality');

/** What a measurement of criticality reads. */
export interface CriticalityInputs {
  readonly network: string;
  readonly adversarialSet: string;
  readonly spec: CriticalitySpec;
}

/** A part of a measurement: the fields of the settings that say what is perturbed. */
export type Portion = Pick<CriticalitySpec, 'modules' | 'groups'>;

/**
 * Cuts a measurement into portions, one or a few modules or groups a call. The blocks of a network are known to the engine alone: without
 * their names all of them go in one call.
 */
export async function portionsOf(context: StageContext, { network, spec }: CriticalityInputs): Promise<Portion[]> {
  if (spec.grouping === 'MODULE_GROUPING_NAMED') return groupsOf(spec.groups).map((groups) => ({ modules: [], groups }));
  if (spec.modules.length > 0) return portionsOfModules(spec.modules);
  if (spec.grouping === 'MODULE_GROUPING_BLOCK') return [{ modules: [], groups: [] }];
  const info = await context.networkInfo(network);
  return portionsOfModules(info.modules.map((module) => module.name));
}

/**
 * The portions of those units with the lowest first-order estimates, in that order.
 *
 * @param estimates of all units, by rising estimate.
 * @param share of the units to measure, above 0 and at most 1; at least one is.
 */
export function portionsByEstimate(spec: CriticalitySpec, estimates: readonly ModuleEstimate[], share: number): Portion[] {
  const names = estimates.slice(0, Math.max(1, Math.ceil(share * estimates.length - 1e-9))).map(({ name }) => name);
  if (spec.grouping !== 'MODULE_GROUPING_NAMED') return portionsOfModules(names);
  const groups = names.flatMap((name) => spec.groups.filter((group) => group.name === name));
  return groupsOf(groups).map((some) => ({ modules: [], groups: some }));
}

function portionsOfModules(modules: readonly string[]): Portion[] {
  return groupsOf(modules).map((some) => ({ modules: some, groups: [] }));
}

/** The unit of work that measures with these settings. */
export function criticalityUnit(context: StageContext, inputs: CriticalityInputs): Unit<CriticalityResult> {
  const { network, adversarialSet, spec } = inputs;
  const names = [...spec.modules, ...spec.groups.map(({ name }) => name)];
  return {
    kind: 'criticality',
    label: spec.estimateOnly ? 'first-order estimates' : names.join(', ') || 'all blocks',
    identity: inputs,
    workers: 'trainers',
    weight: Math.max(1, names.length),
    codec,
    artifactsOf: () => [],
    call: (peer, { context: job, ...options }) =>
      callJob(
        peer,
        TrainerServiceConstructor.service.MeasureCriticality,
        { context: job, network: { digest: network, blend: null }, adversarialSet, spec, compute: context.compute },
        options,
      ),
  };
}
