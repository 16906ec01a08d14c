import type { AttackOutcome, AttackSpec, Outcome } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import type { Evaluation } from '../input.js';
import { diagnosticsOf } from './diagnostics.js';
import { attackKindName, attackName, imagesName, normName, threatModelName } from './names.js';
import {
  averages,
  corruptionEvaluation,
  corruptionError,
  oodChange,
  oodOf,
  sameCorruptions,
  severityTable,
  type OodFigure,
} from './ood.js';
import { accuracyOf, changeOf, checkOutcome, finite, worstOf } from './outcomes.js';
import type { AttackChangeData, AttackData, ChangeData, EvaluationData } from './types.js';

interface MeasuredAttack {
  readonly evaluation: Evaluation;
  readonly attack: AttackSpec;
  readonly outcome: Outcome;
  readonly data: AttackData;
}

/** The figures of one network with the outcomes behind them. */
export interface Figures {
  readonly data: EvaluationData;
  readonly standard: { readonly evaluation: Evaluation; readonly outcome: Outcome } | undefined;
  /** Per-image worst case over {@link MeasuredAttack}s of one threat model on the same images. */
  readonly adversarial: { readonly parts: readonly MeasuredAttack[]; readonly outcome: Outcome } | undefined;
  readonly ood: { readonly evaluation: Evaluation; readonly figure: OodFigure } | undefined;
  readonly attacks: readonly MeasuredAttack[];
}

/**
 * Takes all accuracies out of the evaluations of one network.
 *
 * @throws InvalidArgument when an outcome contradicts itself.
 */
export function figuresOf(evaluations: readonly Evaluation[]): Figures {
  const standard = standardOf(evaluations);
  const attacks = evaluations.flatMap((evaluation) => evaluation.result.attacks.map((attack, i) => measured(evaluation, attack, i)));
  const adversarial = adversarialOf(attacks);
  const corrupted = corruptionEvaluation(evaluations);
  const ood = corrupted && { evaluation: corrupted, figure: oodOf(corrupted) };
  return {
    standard,
    adversarial,
    ood,
    attacks,
    data: {
      standard: standard ? accuracyOf(standard.outcome.correct, standard.outcome.total) : null,
      adversarial: adversarial
        ? { ...accuracyOf(adversarial.outcome.correct, adversarial.outcome.total), attack: adversarialName(adversarial.parts) }
        : null,
      ood: ood?.figure.data ?? null,
      attacks: attacks.map(({ data }) => data),
      corruptions: severityTable(corrupted),
      published18: averages(severityTable(corrupted)).published18,
      diagnostics: diagnosticsOf(evaluations),
      notes: [...new Set(evaluations.flatMap(({ result }) => result.notes))],
    },
  };
}

/** Changes between the networks before and after, where both were measured on the same images. */
export interface Changes {
  readonly standard: ChangeData | null;
  readonly adversarial: ChangeData | null;
  readonly ood: ChangeData | null;
  readonly attacks: readonly AttackChangeData[];
  readonly meanCorruptionError: number | null;
}

/**
 * Compares image by image. Figures of different images, attacks or corruptions are not compared at all.
 *
 * @param seed seed of the bootstrap, which takes seconds for many images; undefined draws none.
 */
export function changesOf(before: Figures, after: Figures, seed: number | undefined): Changes {
  const standard =
    before.standard && after.standard && sameImages(before.standard, after.standard)
      ? changeOf(before.standard.outcome, after.standard.outcome, seed)
      : null;
  const sameAttacks = before.adversarial && after.adversarial && keysOf(before.adversarial.parts) === keysOf(after.adversarial.parts);
  return {
    standard,
    adversarial:
      before.adversarial && after.adversarial && sameAttacks ? changeOf(before.adversarial.outcome, after.adversarial.outcome, seed) : null,
    ood:
      before.ood && after.ood && sameCorruptions(before.ood.evaluation, after.ood.evaluation)
        ? oodChange(before.ood.figure, after.ood.figure, seed)
        : null,
    meanCorruptionError: corruptionError(after.data.corruptions, before.data.corruptions),
    attacks: before.attacks.flatMap((was) => {
      const is =
        after.attacks.find((other) => keyOf(other) === keyOf(was)) ?? after.attacks.find((other) => specKey(other) === specKey(was));
      if (!is) return [];
      const change = keyOf(is) === keyOf(was) && was.outcome.total > 0 ? changeOf(was.outcome, is.outcome, undefined) : null;
      return [{ name: `${was.data.name} (${threatModelName(was.attack)})`, before: plain(was.data), after: plain(is.data), change }];
    }),
  };
}

function standardOf(evaluations: readonly Evaluation[]): Figures['standard'] {
  const evaluation = evaluations.find(({ result }) => result.standard !== null && result.standard.total > 0);
  const outcome = evaluation?.result.standard;
  if (!evaluation || !outcome) return undefined;
  checkOutcome(outcome, `${evaluation.stage}.standard`);
  return { evaluation, outcome };
}

function measured(evaluation: Evaluation, result: AttackOutcome, position: number): MeasuredAttack {
  const field = `${evaluation.stage}.attacks[${position}]`;
  const { attack, outcome } = result;
  if (!attack || !outcome) throw new InvalidArgument(field, '', 'must hold the attack and its outcome');
  checkOutcome(outcome, `${field}.outcome`);
  return { evaluation, attack, outcome, data: attackData(evaluation, result, attack, outcome) };
}

function attackData(evaluation: Evaluation, result: AttackOutcome, attack: AttackSpec, outcome: Outcome): AttackData {
  return {
    name: attackName(attack),
    ...accuracyOf(outcome.correct, outcome.total),
    kind: attack.kind,
    norm: attack.threatModel ? normName(attack.threatModel.norm) : 'none',
    epsilon: attack.threatModel?.epsilon ?? 0,
    stepSize: attack.stepSize,
    steps: attack.steps,
    restarts: attack.restarts,
    randomStart: attack.randomStart,
    targets: attack.targets,
    toTheEnd: attack.toTheEnd,
    seed: evaluation.seed,
    images: imagesName(evaluation.images),
    meanLoss: finite(outcome.meanLoss),
    maxPerturbation: finite(result.audit?.maxPerturbation),
    minPixel: finite(result.audit?.minPixel),
    maxPixel: finite(result.audit?.maxPixel),
    nanCount: finite(result.audit?.nanCount),
    imagesChanged: finite(result.audit?.imagesChanged),
    imagesPerSecond: finite(result.imagesPerSecond),
    stages: result.stages.map(({ kind, robust, seconds }) => ({ name: attackKindName(kind), robust, seconds })),
    flags: result.flags,
  };
}

/** The worst case over all attacks of the first one's threat model on its images: no attack is picked, none left out. */
function adversarialOf(attacks: readonly MeasuredAttack[]): Figures['adversarial'] {
  const [first] = attacks;
  if (!first || first.outcome.total === 0) return undefined;
  const parts = attacks.filter(
    (other) =>
      other.outcome.total === first.outcome.total &&
      imagesName(other.evaluation.images) === imagesName(first.evaluation.images) &&
      threatModelName(other.attack) === threatModelName(first.attack),
  );
  const perImage = Buffer.from(worstOf(parts.map(({ outcome }) => outcome)));
  const correct = perImage.reduce((sum, byte) => sum + byte, 0);
  return { parts, outcome: { correct, total: perImage.length, perImage, meanLoss: first.outcome.meanLoss } };
}

function adversarialName(parts: readonly MeasuredAttack[]): string {
  const names = parts.map(({ data }) => data.name);
  const threat = parts[0] ? threatModelName(parts[0].attack) : '';
  return `${names.length === 1 ? (names[0] ?? '') : `worst of ${names.join(' and ')}`} (${threat})`;
}

function sameImages(before: { evaluation: Evaluation; outcome: Outcome }, after: { evaluation: Evaluation; outcome: Outcome }): boolean {
  return imagesName(before.evaluation.images) === imagesName(after.evaluation.images) && before.outcome.total === after.outcome.total;
}

function keysOf(parts: readonly MeasuredAttack[]): string {
  return parts.map(keyOf).join('\n');
}

function specKey({ attack }: MeasuredAttack): string {
  return JSON.stringify(Object.entries(attack).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function keyOf(part: MeasuredAttack): string {
  return `${specKey(part)} ${part.evaluation.seed} ${imagesName(part.evaluation.images)} ${part.outcome.total}`;
}

function plain({ accuracy, ci95, correct, total }: AttackData): AttackChangeData['before'] {
  return { accuracy, ci95, correct, total };
}
