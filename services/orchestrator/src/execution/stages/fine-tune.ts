import {
  TrainerServiceConstructor,
  type DataSelection,
  type FineTuneResult,
  type FineTuneSpec,
  type FineTuneStage,
  type NetworkRef,
} from '@rift/contracts';
import { FailedPrecondition } from '@rift/service-kit';
import { resultCodec } from '../../messages/codec.js';
import { chooseModules } from '../../plan/choose-modules.js';
import { choosePoint, shortSpec } from '../../plan/sweep.js';
import { callJob } from '../../workers/job-call.js';
import { partialEpochs } from '../partial-result.js';
import { networkDigest, optionalSelection, required, selectionOf, type StageContext, type StageOutcome } from '../stage-context.js';
import type { Unit } from '../unit.js';

interface Inputs {
  readonly network: NetworkRef;
  readonly train: DataSelection;
  readonly selection: DataSelection | null;
  readonly spec: FineTuneSpec;
}

/**
 * Fine-tunes modules, those of the plan or those that a criticality stage chooses, at the plan's learning rate or at the one that a short
 * sweep on held-out images finds best. The trainer's checkpoint under the work key lets a retry go on in the middle.
 */
export async function fineTune(context: StageContext, stage: FineTuneStage): Promise<StageOutcome> {
  const inputs: Inputs = {
    network: { digest: await networkDigest(context, stage.network), blend: null },
    train: selectionOf(context, required(stage.train, 'training images')),
    selection: optionalSelection(context, stage.selection),
    spec: await withModules(context, stage, required(stage.spec, 'settings of the fine-tuning')),
  };
  const swept = stage.sweep ? await sweep(context, inputs, stage.sweep) : undefined;
  const spec = swept ? withRate(inputs.spec, swept.rate) : inputs.spec;
  const { values, cached } = await context.units(
    'epochs',
    [fineTuneUnit(context, { ...inputs, spec })],
    partialEpochs(spec.epochs, 'fineTune'),
  );
  const result = { ...required(values[0], 'a fine-tuned network'), sweep: swept?.points ?? [] };
  return { result: { result: 'fineTune', fineTune: result }, cached: cached && (swept?.cached ?? true) };
}

/** Fine-tunes for a few epochs at every learning rate. */
async function sweep(context: StageContext, inputs: Inputs, { rates, epochs }: NonNullable<FineTuneStage['sweep']>) {
  const { values, cached } = await context.units(
    'epochs',
    rates.map((rate) => fineTuneUnit(context, { ...inputs, spec: withRate(shortSpec(inputs.spec, epochs), rate) })),
  );
  const points = rates.map((learningRate, index) => ({
    learningRate,
    selectionStandard: Math.max(...(values[index]?.epochs ?? []).map((epoch) => epoch.selectionStandard), -1),
  }));
  const { point, reason } = choosePoint(points);
  await context.log(reason);
  return { points, rate: point.learningRate, cached };
}

function withRate(spec: FineTuneSpec, learningRate: number): FineTuneSpec {
  return { ...spec, optimizer: { ...required(spec.optimizer, 'an optimizer'), learningRate } };
}

function fineTuneUnit(context: StageContext, { network, train, selection, spec }: Inputs): Unit<FineTuneResult> {
  const what = spec.modules.join(', ') || 'fine-tuning';
  return {
    kind: 'fineTune',
    label: `${what} at rate ${spec.optimizer?.learningRate ?? 0}`,
    identity: { network, train, selection, spec },
    workers: 'trainers',
    weight: spec.epochs,
    codec: resultCodec('fineTune'),
    artifactsOf: (result) => [result.digest],
    call: (peer, { context: job, ...options }) =>
      callJob(
        peer,
        TrainerServiceConstructor.service.FineTune,
        { context: job, network, train, selection, spec, compute: context.compute },
        options,
      ),
  };
}

/** Takes the modules that the criticality stage chooses where the plan names none. */
async function withModules(context: StageContext, stage: FineTuneStage, spec: FineTuneSpec): Promise<FineTuneSpec> {
  const byModule = spec.scope === 'FINE_TUNE_SCOPE_MODULES' || spec.scope === 'FINE_TUNE_SCOPE_UNSPECIFIED';
  if (!byModule || spec.modules.length > 0) return spec;
  const measured = required((await context.resultOf(stage.criticalityStage)).criticality, 'a criticality to choose by');
  const chosen = chooseModules(measured, stage.choice ?? undefined);
  if (!chosen) {
    throw new FailedPrecondition(
      `stage ${stage.criticalityStage}`,
      `fewer modules than the ${Math.max(1, stage.choice?.count ?? 1)} asked for have a finite criticality; ` +
        'name the modules to fine-tune, ask for fewer, or lower the weight epsilon',
    );
  }
  await context.log(chosen.reason);
  return { ...spec, modules: [...chosen.modules] };
}
