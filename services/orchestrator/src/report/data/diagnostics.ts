import type { DiagnosticVerdict } from '@rift/contracts';
import type { Evaluation } from '../input.js';
import { accuracyOf, checkOutcome, finite } from './outcomes.js';
import type { DiagnosticsData, DiagnosticWord } from './types.js';

const WORDS: Readonly<Record<DiagnosticVerdict, DiagnosticWord>> = {
  DIAGNOSTIC_VERDICT_UNSPECIFIED: 'fail',
  DIAGNOSTIC_VERDICT_PASS: 'pass',
  DIAGNOSTIC_VERDICT_WARN: 'warn',
  DIAGNOSTIC_VERDICT_FAIL: 'fail',
};

/**
 * The first diagnostics among the evaluations of one network.
 *
 * @throws InvalidArgument when an outcome contradicts itself.
 */
export function diagnosticsOf(evaluations: readonly Evaluation[]): DiagnosticsData | null {
  const evaluation = evaluations.find(({ result }) => result.diagnostics);
  const diagnostics = evaluation?.result.diagnostics;
  if (!evaluation || !diagnostics) return null;
  return {
    verdict: WORDS[diagnostics.verdict],
    images: diagnostics.images,
    checks: diagnostics.checks.map(({ name, verdict, value, limit, finding }) => ({
      ...{ name, verdict: WORDS[verdict], finding },
      ...{ value: finite(value), limit: finite(limit) },
    })),
    ladder: diagnostics.ladder.flatMap(({ name, attack, outcome }, at) => {
      if (!outcome) return [];
      checkOutcome(outcome, `${evaluation.stage}.diagnostics.ladder[${at}].outcome`);
      return [{ name, epsilon: attack?.threatModel?.epsilon ?? 0, ...accuracyOf(outcome.correct, outcome.total) }];
    }),
  };
}
