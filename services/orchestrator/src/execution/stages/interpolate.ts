import { TrainerServiceConstructor, type AlphaPoint, type InterpolateStage, type NetworkRef } from '@rift/contracts';
import { interpolatedCodec } from '../../messages/codec.js';
import { chooseAlpha } from '../../plan/choose-alpha.js';
import { callJob } from '../../workers/job-call.js';
import { partialPath } from '../partial-result.js';
import { networkDigest, required, selectionOf, type StageContext, type StageOutcome } from '../stage-context.js';
import { measure } from './evaluation-units.js';

/**
 * Walks the line between two networks (paper section 4, step 3): measures every point, spread over all attackers, chooses alpha and
 * writes the network there. The ends are the given networks themselves, bit for bit.
 */
export async function interpolate(context: StageContext, stage: InterpolateStage): Promise<StageOutcome> {
  const from = await networkDigest(context, stage.from);
  const to = await networkDigest(context, stage.to);
  const data = selectionOf(context, required(stage.data, 'images to choose alpha by'));
  const { alphas, rule, margin, attack, seed } = required(stage.spec, 'settings of the interpolation');
  const spec = {
    standard: true,
    attacks: [required(attack, 'an attack')],
    corruptions: [],
    severities: [],
    seed,
    gallery: 0,
  };
  const { results, cached } = await measure(
    context,
    alphas.map((alpha) => ({ label: `alpha ${alpha}`, network: pointOf(from, to, alpha), data, spec })),
    partialPath(alphas),
  );
  const points = alphas.map((alpha, index): AlphaPoint => {
    const result = required(results[index], 'a point');
    return { alpha, standard: result.standard, adversarial: result.attacks[0] ?? null };
  });
  const { alpha, reason } = chooseAlpha(points, rule, margin);
  await context.log(reason);
  const digest = await networkAt(context, from, to, alpha);
  return { result: { result: 'interpolate', interpolate: { points, chosenAlpha: alpha, reason, digest } }, cached };
}

function pointOf(from: string, to: string, alpha: number): NetworkRef {
  if (alpha === 0) return { digest: from, blend: null };
  if (alpha === 1) return { digest: to, blend: null };
  return { digest: from, blend: { toDigest: to, alpha } };
}

async function networkAt(context: StageContext, from: string, to: string, alpha: number): Promise<string> {
  if (alpha === 0) return from;
  if (alpha === 1) return to;
  const { values } = await context.units(undefined, [
    {
      kind: 'interpolate',
      label: `network at alpha ${alpha}`,
      identity: { from, to, alpha },
      workers: 'trainers',
      weight: 1,
      codec: interpolatedCodec,
      artifactsOf: (result) => result.digests,
      call: (peer, { context: job, ...options }) =>
        callJob(
          peer,
          TrainerServiceConstructor.service.Interpolate,
          { context: job, fromDigest: from, toDigest: to, alphas: [alpha] },
          options,
        ),
    },
  ]);
  return required(values[0]?.digests[0], 'an interpolated network');
}
