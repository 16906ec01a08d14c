import { fromJson } from '@rift/contracts';

import type { JobKind, JobResults } from './requests.js';

/** Wire message of each result that has one. */
const RESULT_MESSAGES: Partial<Record<JobKind, string>> = {
  craft: 'rift.common.v1.CraftResult',
  evaluate: 'rift.common.v1.EvaluateResult',
  corrupt: 'rift.common.v1.CorruptResult',
  criticality: 'rift.common.v1.CriticalityResult',
  fineTune: 'rift.common.v1.FineTuneResult',
  train: 'rift.common.v1.TrainResult',
  importNetwork: 'rift.common.v1.NetworkInfo',
  inspectNetwork: 'rift.common.v1.NetworkInfo',
};

/** Reads the result's JSON; bytes become Buffers. A field that the contract lacks throws. */
export function readResult<K extends JobKind>(kind: K, json: string): JobResults[K] {
  const parsed = JSON.parse(json) as object;
  const message = RESULT_MESSAGES[kind];
  return (message === undefined ? parsed : fromJson(message, parsed)) as JobResults[K];
}
