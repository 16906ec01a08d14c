import { TrainerServiceConstructor, type CriticalityResult, type CriticalitySpec, type CriticalityStage } from '@rift/contracts';
import { mergeCriticality } from '../../merge/merge-criticality.js';
import { groupsOf } from '../../merge/shards.js';
import { resultCodec } from '../../messages/codec.js';
import { chooseModule } from '../../plan/choose-module.js';
import { callJob } from '../../workers/job-call.js';
import { partialCriticality } from '../partial-result.js';
import { networkDigest, required, type StageContext, type StageOutcome } from '../stage-context.js';
import type { Unit } from '../unit.js';

const codec = resultCodec('criticality');

/** Measures the criticality of modules, a few a call, spread over all trainers. */
export async function criticality(context: StageContext, stage: CriticalityStage): Promise<StageOutcome> {
  const spec = required(stage.spec, 'settings of the criticality');
  const network = await networkDigest(context, stage.network);
  const adversarialSet =
    stage.adversarialSet === 'craftStage'
      ? required((await context.resultOf(stage.craftStage ?? '')).craft, 'an adversarial set').digest
      : required(stage.digest, 'an adversarial set');
  const groups = await modulesOf(context, spec, network);
  const { values, cached } = await context.units(
    'modules',
    groups.map((modules) => criticalityUnit(context, { network, adversarialSet, spec: { ...spec, modules } })),
    partialCriticality(),
  );
  const result = mergeCriticality(values);
  const choice = chooseModule(result);
  if (choice) await context.log(choice.reason);
  return { result: { result: 'criticality', criticality: result }, cached };
}

/** Groups of modules, one group a call. The blocks of a network are known to the engine alone: all of them go in one call. */
async function modulesOf(context: StageContext, spec: CriticalitySpec, network: string): Promise<string[][]> {
  if (spec.modules.length > 0) return groupsOf(spec.modules);
  if (spec.grouping === 'MODULE_GROUPING_BLOCK') return [[]];
  const info = await context.networkInfo(network);
  return groupsOf(info.modules.map((module) => module.name));
}

interface Inputs {
  readonly network: string;
  readonly adversarialSet: string;
  readonly spec: CriticalitySpec;
}

function criticalityUnit(context: StageContext, inputs: Inputs): Unit<CriticalityResult> {
  const { network, adversarialSet, spec } = inputs;
  return {
    kind: 'criticality',
    label: spec.modules.join(', ') || 'all blocks',
    identity: inputs,
    workers: 'trainers',
    weight: Math.max(1, spec.modules.length),
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
