import { TrainerServiceConstructor, type DataSource, type FineTuneSpec, type FineTuneStage, type TrainStage } from '@rift/contracts';
import { FailedPrecondition } from '@rift/service-kit';
import { resultCodec } from '../../messages/codec.js';
import { chooseModule } from '../../plan/choose-module.js';
import { callJob } from '../../workers/job-call.js';
import { partialEpochs } from '../partial-result.js';
import { networkDigest, required, selectionOf, type StageContext, type StageOutcome } from '../stage-context.js';

/** Fine-tunes modules; the trainer's checkpoint under the work key lets a retry go on in the middle. */
export async function fineTune(context: StageContext, stage: FineTuneStage): Promise<StageOutcome> {
  const network = { digest: await networkDigest(context, stage.network), blend: null };
  const train = selectionOf(context, required(stage.train, 'training images'));
  const selection = optionalSelection(context, stage.selection);
  const spec = await withModule(context, stage, required(stage.spec, 'settings of the fine-tuning'));
  const { values, cached } = await context.units(
    'epochs',
    [
      {
        kind: 'fineTune',
        label: spec.modules.join(', ') || 'fine-tuning',
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
      },
    ],
    partialEpochs(spec.epochs, 'fineTune'),
  );
  return { result: { result: 'fineTune', fineTune: required(values[0], 'a fine-tuned network') }, cached };
}

/** Takes the least critical module where the plan names none. */
async function withModule(context: StageContext, stage: FineTuneStage, spec: FineTuneSpec): Promise<FineTuneSpec> {
  const byModule = spec.scope === 'FINE_TUNE_SCOPE_MODULES' || spec.scope === 'FINE_TUNE_SCOPE_UNSPECIFIED';
  if (!byModule || spec.modules.length > 0) return spec;
  const measured = required((await context.resultOf(stage.criticalityStage)).criticality, 'a criticality to choose by');
  const choice = chooseModule(measured);
  if (!choice) {
    throw new FailedPrecondition(
      `stage ${stage.criticalityStage}`,
      'no module has a finite criticality, so none can be chosen; name the module to fine-tune, or lower the weight epsilon',
    );
  }
  return { ...spec, modules: [choice.module.name] };
}

/** Trains adversarially, with the trainer's checkpoint under the work key. */
export async function train(context: StageContext, stage: TrainStage): Promise<StageOutcome> {
  const images = selectionOf(context, required(stage.train, 'training images'));
  const selection = optionalSelection(context, stage.selection);
  const initial = stage.initial ? { digest: await networkDigest(context, stage.initial), blend: null } : null;
  const spec = required(stage.spec, 'settings of the training');
  const { values, cached } = await context.units(
    'epochs',
    [
      {
        kind: 'train',
        label: 'training',
        identity: { train: images, selection, initial, spec },
        workers: 'trainers',
        weight: spec.epochs,
        codec: resultCodec('train'),
        artifactsOf: (result) => [result.digest],
        call: (peer, { context: job, ...options }) =>
          callJob(
            peer,
            TrainerServiceConstructor.service.TrainAdversarially,
            { context: job, train: images, selection, initial, spec, compute: context.compute },
            options,
          ),
      },
    ],
    partialEpochs(spec.epochs, 'train'),
  );
  return { result: { result: 'train', train: required(values[0], 'a trained network') }, cached };
}

function optionalSelection(context: StageContext, source: DataSource | null) {
  return source ? selectionOf(context, source) : null;
}
