import { Precision } from '@rift/contracts';
import { type z } from 'zod';

import { between, count, digest, flag, message, oneOfOrUnset, text, uint32 } from './rules.js';

/** The far end of an interpolation. */
export const blend = message({ toDigest: digest(), alpha: between(0, 1) });

/** A network artifact, or a point between two. */
export const networkRef = message({ digest: digest(), blend: blend.nullable() });

/** Images of a split. */
export const dataSelection = message({ splitDigest: digest(), offset: uint32(), limit: uint32() });

const identifier = () => text(/^[A-Za-z0-9._:/-]{0,200}$/, 'must be at most 200 of the characters A-Z a-z 0-9 . _ : / -');

/** The job behind a call; may be left out for a call outside any run. */
export const jobContext = message({
  runId: identifier(),
  stageId: identifier(),
  workKey: identifier(),
  attempt: uint32(),
}).refine(({ workKey, attempt }) => workKey === '' || attempt >= 1, {
  path: ['attempt'],
  error: 'must be at least 1 where workKey is set',
});

/** How to compute. */
export const computeSpec = message({
  device: text(/^(|auto|cpu|cuda(:\d{1,3})?)$/, 'must be auto, cpu, cuda or cuda:N'),
  precision: oneOfOrUnset(Precision),
  batchSize: count(0, 65_536),
  threads: count(0, 1024),
  plain: flag(),
  memoryMib: count(0, 16_777_216),
});

/** Every choice left to the service; what an unset ComputeSpec means. */
export const DEFAULT_COMPUTE: z.output<typeof computeSpec> = Object.freeze({
  device: 'auto',
  precision: Precision.PRECISION_AUTO,
  batchSize: 0,
  threads: 0,
  plain: false,
  memoryMib: 0,
});

/** How to compute, where leaving it out leaves every choice to the service. */
export const compute = computeSpec.nullable().transform((spec) => spec ?? DEFAULT_COMPUTE);
