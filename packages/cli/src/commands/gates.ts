import type { Accuracy } from '@rift/client';

import { GateFailed, usageError } from '../errors.js';
import { percent } from '../output/format.js';

/** Parsed gates. */
export interface GateOptions {
  readonly minStandard?: number;
  readonly minRobust?: number;
}

/** Accuracies that gates look at. */
export interface Measured {
  readonly standard?: Pick<Accuracy, 'accuracy'>;
  readonly adversarial?: Pick<Accuracy, 'accuracy'>;
}

/**
 * Refuses a gate on something that the command will not measure, before any work.
 *
 * @throws a usage error
 */
export function checkGates(
  { minStandard, minRobust }: GateOptions,
  will: { readonly standard: boolean; readonly adversarial: boolean },
): void {
  if (minStandard !== undefined && !will.standard)
    throw usageError('--min-standard needs the standard accuracy, which this command would not measure.');
  if (minRobust !== undefined && !will.adversarial) throw usageError('--min-robust needs an attack, and this command would run none.');
}

/** What every gate asks, has and says, as scripts read it; undefined when there are none. */
export function gateDocument(options: GateOptions, measured: Measured): { passed: boolean; failures: string[] } | undefined {
  const { minStandard, minRobust } = options;
  if (minStandard === undefined && minRobust === undefined) return undefined;
  const failures: string[] = [];
  const compare = (what: string, least: number | undefined, value: number | undefined): void => {
    if (least !== undefined && (value === undefined || value < least)) {
      failures.push(`${what} accuracy is ${value === undefined ? 'unknown' : percent(value)}, below the ${percent(least)} asked for`);
    }
  };
  compare('standard', minStandard, measured.standard?.accuracy);
  compare('adversarial', minRobust, measured.adversarial?.accuracy);
  return { passed: failures.length === 0, failures };
}

/** @throws GateFailed when a gate did not pass */
export function enforceGates(gate: ReturnType<typeof gateDocument>): void {
  if (gate !== undefined && !gate.passed) throw new GateFailed(`${gate.failures.join('; ')}.`);
}
