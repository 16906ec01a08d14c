import type { AttackAudit, AttackOutcome, AttackStage, CorruptionOutcome, EvaluateResult, Outcome } from '@rift/contracts';
import { Internal } from '@rift/service-kit';
import { stageFlags } from './attack-flags.js';

/** Result of one range of images. */
export interface EvaluationShard {
  /** Index of the range's first image within the whole selection. */
  readonly first: number;
  readonly result: EvaluateResult;
}

/**
 * Joins the results of consecutive ranges of images into the result of the whole: outcomes in order, counts summed, losses
 * averaged by the number of images, audits at their extremes. The join is exact, as if one call had measured all images.
 *
 * @param shards at least one, in the order of their images, all for the same settings.
 * @param gallery pictures to keep in all.
 * @throws Internal when the shards did not measure the same things.
 */
export function mergeEvaluations(shards: readonly EvaluationShard[], gallery: number): EvaluateResult {
  const results = shards.map((shard) => shard.result);
  const first = results[0];
  if (!first) throw new Internal('No range of images was evaluated.');
  const pictures = shards.flatMap((shard) => shard.result.gallery.map((picture) => ({ ...picture, index: picture.index + shard.first })));
  return {
    standard: mergeOptional(
      results.map((result) => result.standard),
      mergeOutcomes,
      'standard',
    ),
    attacks: mergeLists(
      results.map((result) => result.attacks),
      mergeAttacks,
      'attacks',
    ),
    corruptions: mergeLists(
      results.map((result) => result.corruptions),
      mergeCorruptions,
      'corruptions',
    ),
    gallery: pictures.slice(0, gallery),
    confusion: mergeLists(
      results.map((result) => result.confusion),
      (counts) => counts.reduce((a, b) => a + b),
      'confusion',
    ),
    diagnostics: onlyOne(results.flatMap(({ diagnostics }) => diagnostics ?? [])),
    notes: distinct(results.flatMap(({ notes }) => notes)),
  };
}

/** Diagnostics are made in one call: their verdicts are no counts that could be added up. */
function onlyOne<T>(parts: readonly T[]): T | null {
  if (parts.length > 1) throw new Internal('The diagnostics of one evaluation were made in several calls.');
  return parts[0] ?? null;
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** Joins parts that every shard must have, or none. */
function mergeOptional<T>(parts: readonly (T | null)[], merge: (parts: T[]) => T, what: string): T | null {
  const present = parts.filter((part) => part !== null);
  if (present.length === 0) return null;
  if (present.length !== parts.length) throw new Internal(`Ranges of one evaluation differ in what they measured: ${what}.`);
  return merge(present);
}

/** Joins lists element by element. */
function mergeLists<T>(lists: readonly (readonly T[])[], merge: (parts: T[]) => T, what: string): T[] {
  const length = lists[0]?.length ?? 0;
  if (lists.some((list) => list.length !== length)) {
    throw new Internal(`Ranges of one evaluation differ in what they measured: ${what} (${lists.map((list) => list.length).join(', ')}).`);
  }
  return Array.from({ length }, (_, index) => merge(lists.map((list) => list[index] as T)));
}

function mergeOutcomes(outcomes: readonly Outcome[]): Outcome {
  const total = sum(outcomes.map((outcome) => outcome.total));
  return {
    correct: sum(outcomes.map((outcome) => outcome.correct)),
    total,
    perImage: Buffer.concat(outcomes.map((outcome) => outcome.perImage)),
    meanLoss: total === 0 ? 0 : sum(outcomes.map((outcome) => outcome.meanLoss * outcome.total)) / total,
  };
}

function mergeAttacks(parts: readonly AttackOutcome[]): AttackOutcome {
  const seconds = sum(parts.map((part) => (part.imagesPerSecond > 0 ? (part.outcome?.total ?? 0) / part.imagesPerSecond : 0)));
  const images = sum(parts.map((part) => part.outcome?.total ?? 0));
  const stages = stageFlags(
    mergeLists(
      parts.map((part) => part.stages),
      mergeStages,
      'stages of the attack',
    ),
    images,
  );
  // A range's signs of its stages rest on its own few images; those of the whole are made anew from the sums.
  const ofNetwork = parts.flatMap((part) => {
    const ofStages = new Set(part.stages.flatMap(({ flags }) => flags));
    return part.flags.filter((flag) => !ofStages.has(flag));
  });
  return {
    attack: parts[0]?.attack ?? null,
    outcome: mergeOptional(
      parts.map((part) => part.outcome),
      mergeOutcomes,
      'outcome under attack',
    ),
    audit: mergeOptional(
      parts.map((part) => part.audit),
      mergeAudits,
      'audit',
    ),
    stages,
    flags: [...distinct(ofNetwork), ...stages.flatMap(({ flags }) => flags)],
    imagesPerSecond: seconds > 0 ? images / seconds : 0,
  };
}

function mergeAudits(audits: readonly AttackAudit[]): AttackAudit {
  return {
    maxPerturbation: Math.max(...audits.map((audit) => audit.maxPerturbation)),
    minPixel: Math.min(...audits.map((audit) => audit.minPixel)),
    maxPixel: Math.max(...audits.map((audit) => audit.maxPixel)),
    nanCount: sum(audits.map((audit) => audit.nanCount)),
    imagesChanged: sum(audits.map((audit) => audit.imagesChanged)),
  };
}

function mergeStages(stages: readonly AttackStage[]): AttackStage {
  return {
    kind: stages[0]?.kind ?? 'ATTACK_KIND_UNSPECIFIED',
    robust: sum(stages.map((stage) => stage.robust)),
    seconds: sum(stages.map((stage) => stage.seconds)),
    zeroGradients: sum(stages.map((stage) => stage.zeroGradients)),
    flags: [],
  };
}

function mergeCorruptions(parts: readonly CorruptionOutcome[]): CorruptionOutcome {
  return {
    name: parts[0]?.name ?? '',
    severities: mergeLists(
      parts.map((part) => part.severities),
      (severities) => ({
        severity: severities[0]?.severity ?? 0,
        outcome: mergeOptional(
          severities.map((severity) => severity.outcome),
          mergeOutcomes,
          'outcome under corruption',
        ),
      }),
      'severities',
    ),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
