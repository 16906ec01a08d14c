import type { ComputeSpec, JobContext, Progress } from '@rift/contracts';
import type { Peer } from '@rift/service-kit';
import type { Codec } from '../messages/codec.js';
import { hashOf } from '../messages/canonical.js';

/** Workers that a unit can run on. */
export type WorkerKind = 'attackers' | 'trainers';

/** What a call behind a unit is given. */
export interface UnitCall {
  readonly context: JobContext;
  readonly signal: AbortSignal;
  readonly silenceMs: number;
  readonly onProgress: (progress: Progress) => void;
}

/** The smallest piece of work that is computed, checkpointed and cached as a whole. */
export interface Unit<R> {
  /** What is done ("evaluate"). */
  readonly kind: string;
  /** For people: which part of the stage it is. */
  readonly label: string;
  /** Everything that determines the result besides the engine's version: digests of inputs and parameters. */
  readonly identity: unknown;
  readonly workers: WorkerKind;
  /** Share of the stage's work, in the stage's unit (images, modules). */
  readonly weight: number;
  readonly codec: Codec<R>;
  /** Digests of the artifacts that the result names. */
  readonly artifactsOf: (result: R) => readonly string[];
  readonly call: (peer: Peer, call: UnitCall) => Promise<R>;
}

/** What goes into every key of a run. */
export interface KeyScope {
  readonly engineVersion: string;
  readonly compute: ComputeSpec;
  /** Set when results of other runs must not be used; the run then keys its units apart from all others. */
  readonly onlyRun: string | undefined;
}

/**
 * Key of a unit: SHA-256 over its kind, inputs, parameters, the engine's version and what of the compute settings may change
 * figures beyond rounding. The number of threads is left out.
 */
export function workKeyOf(unit: Pick<Unit<unknown>, 'kind' | 'identity'>, { engineVersion, compute, onlyRun }: KeyScope): string {
  const { device, precision, batchSize, plain } = compute;
  return hashOf({ kind: unit.kind, identity: unit.identity, engineVersion, compute: { device, precision, batchSize, plain }, onlyRun });
}
