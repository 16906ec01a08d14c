import { AttackerServiceConstructor, type DataSelection, type EvaluateResult, type EvaluateSpec, type NetworkRef } from '@rift/contracts';
import { mergeEvaluations, type EvaluationShard } from '../../merge/merge-evaluation.js';
import { shardsOf } from '../../merge/shards.js';
import type { PartialResult } from '../partial-result.js';
import { required, type StageContext } from '../stage-context.js';
import { resultCodec } from '../../messages/codec.js';
import { callJob } from '../../workers/job-call.js';
import type { Unit } from '../unit.js';

/** One measurement: a network, images and what is asked. */
export interface Measurement {
  /** For people. */
  readonly label: string;
  readonly network: NetworkRef;
  readonly data: DataSelection;
  readonly spec: EvaluateSpec;
}

const codec = resultCodec('evaluate');

/**
 * Measures each of several networks on its images, the images of each spread over all attackers. The figures do not depend on how
 * many attackers there are: the cut is a function of the images alone, randomness is per image, and the join is exact.
 *
 * @returns one result for each measurement, in order.
 */
export async function measure(
  context: StageContext,
  measurements: readonly Measurement[],
  partial?: PartialResult<EvaluateResult>,
): Promise<{ results: EvaluateResult[]; cached: boolean }> {
  const shards = measurements.flatMap((measurement, index) => partsOf(measurement).map((part) => ({ ...part, index })));
  const merged = (measurement: Measurement, index: number, values: ReadonlyMap<number, EvaluateResult>): EvaluateResult | undefined => {
    const mine = [...shards.entries()].filter(([, shard]) => shard.index === index);
    const parts = mine.flatMap(([position, { data, isDiagnosis }]) => {
      const result = values.get(position);
      return result ? [{ isDiagnosis, first: data.offset - measurement.data.offset, result }] : [];
    });
    return parts.length < mine.length ? undefined : joined(parts, measurement.spec.gallery);
  };
  const known = new Map<number, EvaluateResult>();
  const { values, cached } = await context.units(
    'images',
    shards.map(({ measurement, data }) => evaluationUnit(context, measurement, data)),
    partial && {
      take: (position, value) => {
        const shard = shards[position];
        known.set(position, value);
        const whole = shard && merged(shard.measurement, shard.index, known);
        if (whole) partial.take?.(shard.index, whole);
      },
      current: () => partial.current(),
    },
  );
  const all = new Map(values.entries());
  return { results: measurements.map((measurement, index) => required(merged(measurement, index, all), 'a measurement')), cached };
}

const EMPTY: EvaluateResult = { standard: null, attacks: [], corruptions: [], gallery: [], confusion: [], diagnostics: null, notes: [] };

/** The whole of a measurement: its ranges joined, and the diagnostics beside them. */
function joined(parts: readonly (EvaluationShard & { isDiagnosis: boolean })[], gallery: number): EvaluateResult {
  const diagnostics = parts.find(({ isDiagnosis }) => isDiagnosis)?.result.diagnostics ?? null;
  const ranges = parts.filter(({ isDiagnosis }) => !isDiagnosis);
  return ranges.length === 0 ? { ...EMPTY, diagnostics } : { ...mergeEvaluations(ranges, gallery), diagnostics };
}

interface Part {
  readonly measurement: Measurement;
  readonly data: DataSelection;
  readonly isDiagnosis: boolean;
}

/** Ranges of images, and the diagnostics in a call of their own on the first images. */
function partsOf(measurement: Measurement): Part[] {
  const { spec, data } = measurement;
  const measured = spec.standard || spec.attacks.length > 0 || spec.corruptions.length > 0;
  const ranges = measured ? shardsOf(data) : [];
  const { diagnostics, ...rest } = spec;
  const own = { ...measurement, spec: { ...rest, diagnostics: null } };
  const parts = ranges.map((range): Part => ({ measurement: own, data: range, isDiagnosis: false }));
  if (!diagnostics) return parts;
  const alone: EvaluateSpec = { standard: false, attacks: [], corruptions: [], severities: [], seed: spec.seed, gallery: 0, diagnostics };
  const first = { ...data, limit: Math.min(data.limit, diagnostics.images) };
  const label = `${measurement.label}, diagnostics`;
  return [...parts, { measurement: { ...measurement, label, spec: alone }, data: first, isDiagnosis: true }];
}

function evaluationUnit(context: StageContext, { label, network, spec }: Measurement, data: DataSelection): Unit<EvaluateResult> {
  return {
    kind: 'evaluate',
    label: `${label}, images ${data.offset} to ${data.offset + data.limit - 1}`,
    identity: { network, data, spec },
    workers: 'attackers',
    weight: data.limit,
    codec,
    artifactsOf: () => [],
    call: (peer, { context: job, ...options }) =>
      callJob(peer, AttackerServiceConstructor.service.Evaluate, { context: job, network, data, spec, compute: context.compute }, options),
  };
}
