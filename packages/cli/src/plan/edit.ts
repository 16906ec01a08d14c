import type { Plan } from '@rift/contracts';

import { invalidInput } from '../errors.js';

/** What may be changed in the plan of a profile before it is sent. */
export interface PlanEdits {
  /** Fine-tune this module instead of the least critical one; criticality is then not measured. */
  readonly module?: string;
  /** Corruptions to measure instead of the profile's; none leaves them out. */
  readonly corruptions?: readonly string[];
  readonly severities?: readonly number[];
  /** Random starts of the final attacks. */
  readonly restarts?: number;
  /** Positions on the line. */
  readonly alphas?: readonly number[];
  /** Epochs of the fine-tuning; milestones keep their relative place. */
  readonly epochs?: number;
  /** Learning rate of the fine-tuning. */
  readonly learningRate?: number;
}

/** The plan with the edits made; the given one stays as it is. */
export function editPlan(plan: Plan, edits: PlanEdits): Plan {
  const { stages } = structuredClone(plan);
  let kept = stages;
  if (edits.module !== undefined) kept = withModule(kept, edits.module);
  if (edits.corruptions?.length === 0) kept = without(kept, (stage) => isOnlyCorruptions(stage));
  for (const stage of kept) {
    const evaluation = stage.evaluate?.spec;
    if (evaluation) {
      if (edits.corruptions !== undefined && evaluation.corruptions.length > 0) evaluation.corruptions = [...edits.corruptions];
      if (edits.severities !== undefined && evaluation.corruptions.length > 0) evaluation.severities = [...edits.severities];
      if (edits.restarts !== undefined) for (const attack of evaluation.attacks) attack.restarts = edits.restarts;
    }
    const line = stage.interpolate?.spec;
    if (line && edits.alphas !== undefined) line.alphas = [...edits.alphas];
    const tuning = stage.fineTune?.spec;
    if (tuning?.optimizer && edits.learningRate !== undefined) tuning.optimizer.learningRate = edits.learningRate;
    if (tuning && edits.epochs !== undefined) {
      const factor = edits.epochs / tuning.epochs;
      const { optimizer } = tuning;
      if (optimizer) optimizer.milestones = scaled(optimizer.milestones, factor, edits.epochs);
      tuning.epochs = edits.epochs;
    }
  }
  return { stages: kept };
}

type Stages = Plan['stages'];

function scaled(milestones: readonly number[], factor: number, epochs: number): number[] {
  return [...new Set(milestones.map((epoch) => Math.round(epoch * factor)))].filter((epoch) => epoch > 0 && epoch < epochs);
}

function isOnlyCorruptions(stage: Stages[number]): boolean {
  const spec = stage.evaluate?.spec;
  return spec !== undefined && spec !== null && !spec.standard && spec.attacks.length === 0;
}

/** The stages but those, and without the references to them. */
function without(stages: Stages, isGone: (stage: Stages[number]) => boolean): Stages {
  const gone = new Set(stages.filter(isGone).map(({ id }) => id));
  return stages.filter(({ id }) => !gone.has(id)).map((stage) => ({ ...stage, after: stage.after.filter((id) => !gone.has(id)) }));
}

function withModule(stages: Stages, module: string): Stages {
  if (!stages.some(({ fineTune }) => fineTune)) throw invalidInput('--module', module, 'has no use here: the plan fine-tunes nothing');
  for (const { fineTune } of stages) {
    if (!fineTune?.spec) continue;
    fineTune.spec.scope = 'FINE_TUNE_SCOPE_MODULES';
    fineTune.spec.modules = [module];
    fineTune.criticalityStage = '';
  }
  return without(stages, ({ id, kind }) => kind === 'criticality' || (kind === 'craft' && id === 'craft'));
}
