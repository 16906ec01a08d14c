import {
  PUBLISHED_CORRUPTIONS,
  STANDARD_CORRUPTIONS,
  accuracyOf,
  averageOver,
  meanCorruptionError,
  outOfDistribution,
  type Accuracy,
} from '@rift/client';
import type { AttackOutcome, AttackSpec, EvaluateResult, Outcome } from '@rift/contracts';

import type { NamedTable } from '../inputs/corruption-table.js';
import { accuracyText, duration, radius } from '../output/format.js';
import { table } from '../output/table.js';
import { ATTACKS, NORMS, wordFor } from '../parse/vocabulary.js';
import { diagnosticsDocument, diagnosticsText, type DiagnosticsDocument } from './diagnostics.js';

/** An attack and what it left, as scripts read it. */
export interface AttackDocument extends Accuracy {
  readonly attack: string;
  readonly norm: string;
  readonly epsilon: number;
  readonly stepSize: number;
  readonly steps: number;
  readonly restarts: number;
  readonly meanLoss: number;
  readonly maxPerturbation: number;
  readonly imagesPerSecond: number;
  readonly flags: readonly string[];
  /** Survivors after each attack of an AutoAttack list. */
  readonly stages?: readonly { readonly attack: string; readonly robust: number; readonly accuracy: number; readonly seconds: number }[];
}

/** Everything that was measured on a network, as scripts read it. */
export interface EvaluationDocument {
  readonly standard?: Accuracy;
  /** Under PGD where it was run, otherwise under the first attack. */
  readonly adversarial?: Accuracy;
  readonly ood?: Accuracy;
  /** Accuracy at each severity, by corruption. */
  readonly corruptions?: Readonly<Record<string, readonly number[]>>;
  /** Means over lists of corruptions, where all of a list was measured; the mean corruption error against a named base. */
  readonly averages?: {
    readonly standard15?: number;
    readonly published18?: number;
    readonly mce?: { readonly base: string; readonly value: number };
  };
  readonly autoattack?: AttackDocument;
  readonly attacks: readonly AttackDocument[];
  /** Images right under every attack, when there were several. */
  readonly worstCase?: Accuracy;
  readonly diagnostics?: DiagnosticsDocument;
  /** What a reader must know of how it was measured. */
  readonly notes?: readonly string[];
}

const isList = ({ kind }: AttackSpec): boolean => kind.startsWith('ATTACK_KIND_AUTOATTACK');

const NO_OUTCOME: Outcome = { correct: 0, total: 0, perImage: Buffer.alloc(0), meanLoss: 0 };

/** One attack as scripts read it. */
export function attackDocument({ attack, outcome, audit, stages, flags, imagesPerSecond }: AttackOutcome): AttackDocument {
  const { total, meanLoss } = outcome ?? NO_OUTCOME;
  return {
    attack: wordFor(ATTACKS, attack?.kind ?? ''),
    norm: wordFor(NORMS, attack?.threatModel?.norm ?? ''),
    epsilon: attack?.threatModel?.epsilon ?? 0,
    stepSize: attack?.stepSize ?? 0,
    steps: attack?.steps ?? 0,
    restarts: attack?.restarts ?? 0,
    ...accuracyOf(outcome ?? NO_OUTCOME),
    meanLoss,
    maxPerturbation: audit?.maxPerturbation ?? 0,
    imagesPerSecond,
    flags,
    ...(attack === null || !isList(attack)
      ? {}
      : {
          stages: stages.map(({ kind, robust, seconds }) => ({
            attack: wordFor(ATTACKS, kind),
            robust,
            accuracy: total === 0 ? 0 : robust / total,
            seconds,
          })),
        }),
  };
}

/**
 * Everything that was measured, as scripts read it.
 *
 * @param base accuracies under corruptions of the network that the mean corruption error is taken against
 */
export function evaluationDocument(result: EvaluateResult, base?: NamedTable): EvaluationDocument {
  const main = result.attacks.find(({ attack }) => attack?.kind === 'ATTACK_KIND_PGD') ?? result.attacks[0];
  const list = result.attacks.find(({ attack }) => attack !== null && isList(attack));
  const worst = worstCase(result.attacks);
  const ood = outOfDistribution(result.corruptions);
  const averages = averagesOf(corruptionDocument(result.corruptions), base);
  return {
    ...(result.standard === null ? {} : { standard: accuracyOf(result.standard) }),
    ...(main === undefined ? {} : { adversarial: accuracyOf(main.outcome ?? NO_OUTCOME) }),
    ...(ood === undefined ? {} : { ood, corruptions: corruptionDocument(result.corruptions) }),
    ...(list === undefined ? {} : { autoattack: attackDocument(list) }),
    attacks: result.attacks.map(attackDocument),
    ...(worst === undefined ? {} : { worstCase: worst }),
    ...(Object.keys(averages).length === 0 ? {} : { averages }),
    ...(result.diagnostics === null ? {} : { diagnostics: diagnosticsDocument(result.diagnostics) }),
    ...(result.notes.length === 0 ? {} : { notes: result.notes }),
  };
}

function averagesOf(table: Record<string, number[]>, base: NamedTable | undefined): NonNullable<EvaluationDocument['averages']> {
  const standard15 = averageOver(STANDARD_CORRUPTIONS, table);
  const published18 = averageOver(PUBLISHED_CORRUPTIONS, table);
  const value = base && meanCorruptionError(table, base.table);
  return {
    ...(standard15 === undefined ? {} : { standard15 }),
    ...(published18 === undefined ? {} : { published18 }),
    ...(base === undefined || value === undefined ? {} : { mce: { base: base.name, value } }),
  };
}

function corruptionDocument(corruptions: EvaluateResult['corruptions']): Record<string, number[]> {
  return Object.fromEntries(
    corruptions.map(({ name, severities }) => [name, severities.map(({ outcome }) => accuracyOf(outcome ?? NO_OUTCOME).accuracy)]),
  );
}

/** Images right under every attack; undefined when there are fewer than two attacks, or they judged different images. */
function worstCase(attacks: readonly AttackOutcome[]): Accuracy | undefined {
  const outcomes = attacks.map(({ outcome }) => outcome?.perImage ?? Buffer.alloc(0));
  const first = outcomes[0];
  if (outcomes.length < 2 || first === undefined || first.length === 0) return undefined;
  if (outcomes.some(({ length }) => length !== first.length)) return undefined;
  let correct = 0;
  for (let image = 0; image < first.length; image += 1) if (outcomes.every((bytes) => bytes[image] === 1)) correct += 1;
  return accuracyOf({ correct, total: first.length });
}

/** The same for people. */
export function evaluationText(document: EvaluationDocument, severities: readonly number[], columns?: number): string {
  const rows: string[][] = [];
  const add = (name: string, accuracy: Accuracy | undefined): void => {
    if (accuracy !== undefined) rows.push([name, accuracyText(accuracy), `${accuracy.correct} / ${accuracy.total}`]);
  };
  add('standard', document.standard);
  for (const attack of document.attacks) add(attackTitle(attack), attack);
  add('worst of all attacks', document.worstCase);
  add('corruptions (OOD)', document.ood);
  const head = [{ title: 'accuracy' }, { title: 'percent [95 % interval]', right: true }, { title: 'images', right: true, optional: true }];
  const parts = [table(head, rows, columns)];
  const stages = document.autoattack?.stages;
  if (stages !== undefined) parts.push(stagesText(stages));
  if (document.corruptions !== undefined) parts.push(corruptionsText(document.corruptions, severities));
  if (document.averages !== undefined) parts.push(averagesText(document.averages));
  if (document.diagnostics !== undefined) parts.push(diagnosticsText(document.diagnostics));
  if (document.notes !== undefined) parts.push(document.notes.map((note) => `Note: ${note}.`).join('\n'));
  const flags = document.attacks.flatMap(({ attack, flags: found }) => found.map((flag) => `${attack}: ${flag}`));
  if (flags.length > 0) parts.push(`The numbers may be too high:\n${flags.map((flag) => `  ${flag}`).join('\n')}`);
  return parts.join('\n\n');
}

/** An attack in a few words: "PGD-10 ×3, linf 8/255". */
export function attackTitle({ attack, norm, epsilon, steps, restarts }: AttackDocument): string {
  const isIterated = attack === 'pgd' || attack === 'cw';
  const times = restarts > 1 ? ` ×${restarts}` : '';
  return `${attack.toUpperCase()}${isIterated ? `-${steps}` : ''}${times}, ${norm} ${radius(epsilon)}`;
}

function stagesText(stages: NonNullable<AttackDocument['stages']>): string {
  return table(
    [{ title: 'AutoAttack, after' }, { title: 'robust', right: true }, { title: 'percent', right: true }, { title: 'time', right: true }],
    stages.map(({ attack, robust, accuracy, seconds }) => [attack, String(robust), (accuracy * 100).toFixed(2), duration(seconds)]),
  );
}

function averagesText({ standard15, published18, mce }: NonNullable<EvaluationDocument['averages']>): string {
  const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
  return [
    standard15 === undefined ? '' : `mean over the standard 15: ${percent(standard15)}`,
    published18 === undefined ? '' : `mean over the published code's 18: ${percent(published18)}`,
    mce === undefined ? '' : `mean corruption error against ${mce.base}: ${percent(mce.value)} (100 % is as bad, less is better)`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function corruptionsText(corruptions: Readonly<Record<string, readonly number[]>>, severities: readonly number[]): string {
  return table(
    [{ title: 'corruption, percent' }, ...severities.map((severity) => ({ title: `s${severity}`, right: true }))],
    Object.entries(corruptions).map(([name, values]) => [name, ...values.map((value) => (value * 100).toFixed(1))]),
  );
}
