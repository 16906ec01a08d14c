import {
  TrainerServiceConstructor,
  type AlphaPoint,
  type DataSelection,
  type InterpolateSpec,
  type InterpolateStage,
  type NetworkRef,
} from '@rift/contracts';
import { interpolatedCodec } from '../../messages/codec.js';
import { chooseAlpha, middlesAround } from '../../plan/choose-alpha.js';
import { callJob } from '../../workers/job-call.js';
import { partialPath } from '../partial-result.js';
import { networkDigest, required, selectionOf, type StageContext, type StageOutcome } from '../stage-context.js';
import { measure } from './evaluation-units.js';

/**
 * Walks the line between two networks (paper section 4, step 3): measures every point, spread over all attackers, chooses alpha, measures
 * between the chosen point and its neighbours as often as the plan says, and writes the network there. The ends are the given
 * networks themselves, bit for bit.
 */
export async function interpolate(context: StageContext, stage: InterpolateStage): Promise<StageOutcome> {
  const from = await networkDigest(context, stage.from);
  const to = await networkDigest(context, stage.to);
  const spec = required(stage.spec, 'settings of the interpolation');
  const line: Line = { from, to, data: selectionOf(context, required(stage.data, 'images to choose alpha by')), spec };
  let { points, cached } = await measurePoints(context, line, spec.alphas, []);
  let choice = chooseAlpha(points, spec.rule, spec.margin);
  for (let round = 0; round < spec.refinements; round += 1) {
    const between = middlesAround(
      points.map(({ alpha }) => alpha),
      choice.alpha,
    );
    const more = await measurePoints(context, line, between, points);
    points = [...points, ...more.points].sort((a, b) => a.alpha - b.alpha);
    cached &&= more.cached;
    choice = chooseAlpha(points, spec.rule, spec.margin);
  }
  const { alpha, reason } = choice;
  await context.log(reason);
  const digest = await networkAt(context, from, to, alpha);
  return { result: { result: 'interpolate', interpolate: { points, chosenAlpha: alpha, reason, digest } }, cached };
}

interface Line {
  readonly from: string;
  readonly to: string;
  readonly data: DataSelection;
  readonly spec: InterpolateSpec;
}

async function measurePoints(
  context: StageContext,
  { from, to, data, spec: { attack, seed } }: Line,
  alphas: readonly number[],
  measured: readonly AlphaPoint[],
): Promise<{ points: AlphaPoint[]; cached: boolean }> {
  const spec = {
    standard: true,
    attacks: [required(attack, 'an attack')],
    corruptions: [],
    severities: [],
    seed,
    gallery: 0,
    diagnostics: null,
  };
  const { results, cached } = await measure(
    context,
    alphas.map((alpha) => ({ label: `alpha ${alpha}`, network: pointOf(from, to, alpha), data, spec })),
    partialPath(alphas, measured),
  );
  const points = alphas.map((alpha, index): AlphaPoint => {
    const result = required(results[index], 'a point');
    return { alpha, standard: result.standard, adversarial: result.attacks[0] ?? null };
  });
  return { points, cached };
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
