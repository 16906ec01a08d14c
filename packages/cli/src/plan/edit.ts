import type { FineTuneSpec, InterpolateSpec, Plan } from '@rift/contracts';

import { invalidInput } from '../errors.js';
import type { ModulesChoice } from '../parse/modules.js';
import { withModules, without, type Stages } from './edit-modules.js';

/** What may be changed in the plan of a profile before it is sent. */
export interface PlanEdits {
  /** Weights to fine-tune instead of the least critical module's. */
  readonly modules?: ModulesChoice;
  /** Corruptions to measure instead of the profile's; none leaves them out. */
  readonly corruptions?: readonly string[];
  readonly severities?: readonly number[];
  /** Random starts of the final attacks. */
  readonly restarts?: number;
  /** Positions on the line. */
  readonly alphas?: readonly number[];
  /** Rounds of refining alpha between those positions. */
  readonly refinements?: number;
  readonly rule?: InterpolateSpec['rule'];
  readonly margin?: number;
  /** Epochs of the fine-tuning; milestones keep their relative place. */
  readonly epochs?: number;
  /** Learning rate of the fine-tuning. */
  readonly learningRate?: number;
  /** Learning rates to try first, and for how many epochs each. */
  readonly sweep?: { readonly rates: readonly number[]; readonly epochs: number };
  readonly batchNorm?: FineTuneSpec['batchNorm'];
  readonly trustRegion?: number;
  /** Seeds that measure criticality. */
  readonly criticalitySeeds?: number;
  /** Share of the modules, those of lowest first-order estimate, whose criticality is measured. */
  readonly measuredShare?: number;
}

/** The plan with the edits made; the given one stays as it is. */
export function editPlan(plan: Plan, edits: PlanEdits): Plan {
  const { stages } = structuredClone(plan);
  let kept = edits.modules === undefined ? stages : withModules(stages, edits.modules);
  if (edits.corruptions?.length === 0) kept = without(kept, (stage) => isOnlyCorruptions(stage));
  for (const stage of kept) {
    editEvaluation(stage, edits);
    editLine(stage, edits);
    editFineTuning(stage, edits);
    editCriticality(stage, edits);
  }
  return { stages: kept };
}

type Stage = Stages[number];

function isOnlyCorruptions(stage: Stage): boolean {
  const spec = stage.evaluate?.spec;
  return spec !== undefined && spec !== null && !spec.standard && spec.attacks.length === 0;
}

function editEvaluation(stage: Stage, { corruptions, severities, restarts }: PlanEdits): void {
  const spec = stage.evaluate?.spec;
  if (!spec) return;
  if (corruptions !== undefined && spec.corruptions.length > 0) spec.corruptions = [...corruptions];
  if (severities !== undefined && spec.corruptions.length > 0) spec.severities = [...severities];
  if (restarts !== undefined) for (const attack of spec.attacks) attack.restarts = restarts;
}

function editLine(stage: Stage, { alphas, refinements, rule, margin }: PlanEdits): void {
  const spec = stage.interpolate?.spec;
  if (!spec) return;
  if (alphas !== undefined) {
    spec.alphas = [...alphas];
    // Positions that somebody names are measured as they are.
    spec.refinements = 0;
  }
  spec.refinements = refinements ?? spec.refinements;
  spec.rule = rule ?? spec.rule;
  spec.margin = margin ?? spec.margin;
}

function editFineTuning({ fineTune }: Stage, edits: PlanEdits): void {
  const spec = fineTune?.spec;
  if (!fineTune || !spec) return;
  const { optimizer } = spec;
  if (edits.sweep) {
    if (!fineTune.selection)
      throw invalidInput('--sweep-lr', edits.sweep.rates.join(','), 'needs held-out images: the plan selects on none');
    fineTune.sweep = { rates: [...edits.sweep.rates], epochs: edits.sweep.epochs };
  }
  if (optimizer && edits.learningRate !== undefined) optimizer.learningRate = edits.learningRate;
  spec.batchNorm = edits.batchNorm ?? spec.batchNorm;
  spec.trustRegion = edits.trustRegion ?? spec.trustRegion;
  if (edits.epochs === undefined) return;
  if (optimizer) optimizer.milestones = scaled(optimizer.milestones, edits.epochs / spec.epochs, edits.epochs);
  spec.epochs = edits.epochs;
}

function editCriticality({ criticality }: Stage, { criticalitySeeds, measuredShare }: PlanEdits): void {
  if (!criticality) return;
  criticality.seeds = criticalitySeeds ?? criticality.seeds;
  criticality.measuredShare = measuredShare ?? criticality.measuredShare;
}

function scaled(milestones: readonly number[], factor: number, epochs: number): number[] {
  return [...new Set(milestones.map((epoch) => Math.round(epoch * factor)))].filter((epoch) => epoch > 0 && epoch < epochs);
}
