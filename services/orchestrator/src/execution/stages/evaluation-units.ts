import { AttackerServiceConstructor, type DataSelection, type EvaluateResult, type EvaluateSpec, type NetworkRef } from '@rift/contracts';
import { mergeEvaluations } from '../../merge/merge-evaluation.js';
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
 * Measures each of several networks on its images, the images of each spread over all attackers.
 *
 * @returns one result for each measurement, in order.
 */
export async function measure(
  context: StageContext,
  measurements: readonly Measurement[],
  partial?: PartialResult<EvaluateResult>,
): Promise<{ results: EvaluateResult[]; cached: boolean }> {
  const shards = measurements.flatMap((measurement, index) => shardsOf(measurement.data).map((data) => ({ measurement, index, data })));
  const merged = (measurement: Measurement, index: number, values: ReadonlyMap<number, EvaluateResult>): EvaluateResult | undefined => {
    const mine = [...shards.entries()].filter(([, shard]) => shard.index === index);
    const parts = mine.flatMap(([position, { data }]) => {
      const result = values.get(position);
      return result ? [{ first: data.offset - measurement.data.offset, result }] : [];
    });
    return parts.length < mine.length ? undefined : mergeEvaluations(parts, measurement.spec.gallery);
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
