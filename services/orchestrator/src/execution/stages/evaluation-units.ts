import { AttackerServiceConstructor, type DataSelection, type EvaluateResult, type EvaluateSpec, type NetworkRef } from '@rift/contracts';
import { mergeEvaluations } from '../../merge/merge-evaluation.js';
import { shardsOf } from '../../merge/shards.js';
import { type StageContext } from '../stage-context.js';
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
): Promise<{ results: EvaluateResult[]; cached: boolean }> {
  const shards = measurements.flatMap((measurement, index) => shardsOf(measurement.data).map((data) => ({ measurement, index, data })));
  const { values, cached } = await context.units(
    'images',
    shards.map(({ measurement, data }) => evaluationUnit(context, measurement, data)),
  );
  const results = measurements.map((measurement, index) => {
    const mine = shards.flatMap((shard, position) => {
      const result = values[position];
      return shard.index === index && result ? [{ first: shard.data.offset - measurement.data.offset, result }] : [];
    });
    return mergeEvaluations(mine, measurement.spec.gallery);
  });
  return { results, cached };
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
