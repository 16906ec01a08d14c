import { AttackerServiceConstructor, type CorruptStage, type CraftStage, type EvaluateStage } from '@rift/contracts';
import { resultCodec } from '../../messages/codec.js';
import { callJob } from '../../workers/job-call.js';
import { networkDigest, required, selectionOf, type StageContext, type StageOutcome } from '../stage-context.js';
import { measure } from './evaluation-units.js';

/** Crafts an adversarial set: one unit, since its result is one artifact. */
export async function craft(context: StageContext, stage: CraftStage): Promise<StageOutcome> {
  const network = { digest: await networkDigest(context, stage.network), blend: null };
  const data = selectionOf(context, required(stage.data, 'images to craft from'));
  const spec = required(stage.spec, 'settings of crafting');
  const { values, cached } = await context.units('images', [
    {
      kind: 'craft',
      label: 'adversarial set',
      identity: { network, data, spec },
      workers: 'attackers',
      weight: data.limit,
      codec: resultCodec('craft'),
      artifactsOf: (result) => [result.digest],
      call: (peer, { context: job, ...options }) =>
        callJob(
          peer,
          AttackerServiceConstructor.service.CraftAdversarialSet,
          { context: job, network, data, spec, compute: context.compute },
          options,
        ),
    },
  ]);
  return { result: { result: 'craft', craft: required(values[0], 'an adversarial set') }, cached };
}

/** Measures accuracies, the images spread over all attackers. */
export async function evaluate(context: StageContext, stage: EvaluateStage): Promise<StageOutcome> {
  const { results, cached } = await measure(context, [
    {
      label: context.stageId,
      network: { digest: await networkDigest(context, stage.network), blend: null },
      data: selectionOf(context, required(stage.data, 'images to evaluate on')),
      spec: required(stage.spec, 'settings of the evaluation'),
    },
  ]);
  return { result: { result: 'evaluate', evaluate: required(results[0], 'an evaluation') }, cached };
}

/** Makes a corrupted copy of a split: one unit, since its result is one artifact. */
export async function corrupt(context: StageContext, stage: CorruptStage): Promise<StageOutcome> {
  const data = selectionOf(context, required(stage.data, 'images to corrupt'));
  const spec = required(stage.spec, 'settings of the corruption');
  const { values, cached } = await context.units('images', [
    {
      kind: 'corrupt',
      label: `${spec.corruption}, severity ${spec.severity}`,
      identity: { data, spec },
      workers: 'attackers',
      weight: data.limit,
      codec: resultCodec('corrupt'),
      artifactsOf: (result) => [result.digest],
      call: (peer, { context: job, ...options }) =>
        callJob(peer, AttackerServiceConstructor.service.Corrupt, { context: job, data, spec }, options),
    },
  ]);
  return { result: { result: 'corrupt', corrupt: required(values[0], 'a corrupted split') }, cached };
}
