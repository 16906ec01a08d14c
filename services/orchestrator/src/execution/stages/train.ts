import { TrainerServiceConstructor, type TrainStage } from '@rift/contracts';
import { resultCodec } from '../../messages/codec.js';
import { callJob } from '../../workers/job-call.js';
import { partialEpochs } from '../partial-result.js';
import { networkDigest, optionalSelection, required, selectionOf, type StageContext, type StageOutcome } from '../stage-context.js';

/** Trains adversarially, with the trainer's checkpoint under the work key. */
export async function train(context: StageContext, stage: TrainStage): Promise<StageOutcome> {
  const images = selectionOf(context, required(stage.train, 'training images'));
  const selection = optionalSelection(context, stage.selection);
  const extra = optionalSelection(context, stage.extra);
  const initial = stage.initial ? { digest: await networkDigest(context, stage.initial), blend: null } : null;
  const spec = required(stage.spec, 'settings of the training');
  const { values, cached } = await context.units(
    'epochs',
    [
      {
        kind: 'train',
        label: 'training',
        identity: { train: images, selection, extra, initial, spec },
        workers: 'trainers',
        weight: spec.epochs,
        codec: resultCodec('train'),
        artifactsOf: (result) => [result.digest],
        call: (peer, { context: job, ...options }) =>
          callJob(
            peer,
            TrainerServiceConstructor.service.TrainAdversarially,
            { context: job, train: images, selection, extra, initial, spec, compute: context.compute },
            options,
          ),
      },
    ],
    partialEpochs(spec.epochs, 'train'),
  );
  return { result: { result: 'train', train: required(values[0], 'a trained network') }, cached };
}
