import type { DiagnosticVerdict, Diagnostics } from '@rift/contracts';

import { table } from '../output/table.js';

/** What the diagnostics found, as scripts read it. */
export interface DiagnosticsDocument {
  /** Gravest of all checks. */
  readonly verdict: 'pass' | 'warn' | 'fail';
  /** Images looked at, all classified right as they are. */
  readonly images: number;
  readonly checks: readonly {
    readonly name: string;
    readonly verdict: 'pass' | 'warn' | 'fail';
    readonly value: number;
    readonly limit: number;
    readonly finding: string;
  }[];
  /** Images robust under attacks of rising strength. */
  readonly ladder: readonly { readonly name: string; readonly robust: number; readonly total: number; readonly accuracy: number }[];
}

const WORDS: Readonly<Record<DiagnosticVerdict, 'pass' | 'warn' | 'fail'>> = {
  DIAGNOSTIC_VERDICT_UNSPECIFIED: 'fail',
  DIAGNOSTIC_VERDICT_PASS: 'pass',
  DIAGNOSTIC_VERDICT_WARN: 'warn',
  DIAGNOSTIC_VERDICT_FAIL: 'fail',
};

/** The same as scripts read it. */
export function diagnosticsDocument({ verdict, images, checks, ladder }: Diagnostics): DiagnosticsDocument {
  return {
    verdict: WORDS[verdict],
    images,
    checks: checks.map(({ name, verdict: one, value, limit, finding }) => ({ name, verdict: WORDS[one], value, limit, finding })),
    ladder: ladder.map(({ name, outcome }) => {
      const { correct = 0, total = 0 } = outcome ?? {};
      return { name, robust: correct, total, accuracy: total === 0 ? 0 : correct / total };
    }),
  };
}

const ENDINGS = {
  pass: 'nothing speaks against the adversarial accuracies',
  warn: 'the adversarial accuracies may be a little too high',
  fail: 'the adversarial accuracies are not to be believed without an attack adapted to the network',
} as const;

/** The same for people. */
export function diagnosticsText({ verdict, images, checks, ladder }: DiagnosticsDocument): string {
  const found = checks.map(({ name, verdict: one, finding }) => [one, name.replaceAll('_', ' '), finding]);
  const rungs = ladder.map(({ name, robust, accuracy }) => [name, String(robust), (accuracy * 100).toFixed(1)]);
  return [
    `diagnostics on ${images} images that are classified right: ${verdict}, ${ENDINGS[verdict]}`,
    table([{ title: '' }, { title: 'check' }, { title: 'finding' }], found),
    table([{ title: 'attack' }, { title: 'robust', right: true }, { title: 'percent', right: true }], rungs),
  ].join('\n\n');
}
