import type { AttackSpec, CleanForwards, CraftBatchNorm, Norm, OptimizerSpec, PaddingMode, ScheduleKind, TrainSpec } from '@rift/contracts';
import { scaleEpochs, type TrainingPreset } from '@rift/orchestrator/training-presets';

import { within } from './attacks.js';

/** What a user may say about training; everything left out is the preset's. */
export interface TrainChoice {
  /** Architecture; the preset's where left out. */
  readonly arch?: string;
  /** Channels of the first stage. */
  readonly width?: number;
  readonly preprocess?: string;
  readonly seed: number;
  /** Whether there is a held-out split to measure after each epoch. */
  readonly hasSelection: boolean;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly nesterov?: boolean;
  readonly schedule?: ScheduleKind;
  readonly milestones?: readonly number[];
  readonly gamma?: number;
  readonly pctStart?: number;
  readonly padding?: number;
  readonly paddingMode?: PaddingMode;
  readonly flip?: boolean;
  readonly norm?: Norm;
  readonly epsilon?: number;
  readonly stepSize?: number;
  readonly steps?: number;
  readonly startNoise?: number;
  readonly craftBatchNorm?: CraftBatchNorm;
  readonly cleanForwards?: CleanForwards;
  readonly beta?: number;
  readonly labelSmoothing?: number;
  readonly awpGamma?: number;
  readonly awpWarmup?: number;
  readonly scoreClip?: number;
  readonly scoreClipsSecondTerm?: boolean;
  readonly emaDecay?: number;
  readonly extraFraction?: number;
  readonly overfittingGuard?: number;
  readonly patience?: number;
}

/** The complete settings that a preset and a user's choices stand for; milestones scale with the number of epochs. */
export function completeTraining({ spec }: TrainingPreset, choice: TrainChoice): TrainSpec {
  const scaled = scaleEpochs(spec, choice.epochs ?? spec.epochs);
  const fields = { ...scaled, ...chosen(choice, FIELDS) };
  const architecture = choice.arch === undefined ? scaled.architecture : { arch: choice.arch, width: 0 };
  return {
    ...fields,
    architecture: architecture && { ...architecture, width: choice.width ?? architecture.width },
    optimizer: scaled.optimizer && optimizer(scaled.optimizer, choice),
    augment: scaled.augment && { ...scaled.augment, ...chosen(choice, ['padding', 'paddingMode', 'flip']) },
    attack: scaled.attack && crafting(scaled.attack, choice),
    selectionAttack: choice.hasSelection && scaled.selectionAttack ? within(scaled.selectionAttack, choice) : null,
    keepBest: choice.hasSelection,
  };
}

/** Fields of the settings that a choice has under the same name. */
const FIELDS = [
  'preprocess',
  'seed',
  'batchSize',
  'startNoise',
  'craftBatchNorm',
  'cleanForwards',
  'beta',
  'labelSmoothing',
  'awpGamma',
  'awpWarmup',
  'scoreClip',
  'scoreClipsSecondTerm',
  'emaDecay',
  'extraFraction',
  'overfittingGuard',
  'patience',
] as const;

/** The named choices that were made. */
function chosen<K extends keyof TrainChoice>(choice: TrainChoice, names: readonly K[]): { [N in K]?: NonNullable<TrainChoice[N]> } {
  const made = names.filter((name) => choice[name] !== undefined).map((name) => [name, choice[name]] as const);
  return Object.fromEntries(made) as { [N in K]?: NonNullable<TrainChoice[N]> };
}

function optimizer(preset: OptimizerSpec, choice: TrainChoice): OptimizerSpec {
  const milestones = choice.milestones === undefined ? preset.milestones : [...choice.milestones];
  const said = chosen(choice, ['learningRate', 'momentum', 'weightDecay', 'nesterov', 'schedule', 'gamma', 'pctStart']);
  return { ...preset, ...said, milestones };
}

function crafting(preset: AttackSpec, choice: TrainChoice): AttackSpec {
  const attack = within(preset, choice);
  const steps = choice.steps ?? attack.steps;
  return {
    ...attack,
    // FGSM is a single step; more of them are PGD.
    kind: steps > 1 ? 'ATTACK_KIND_PGD' : attack.kind,
    stepSize: choice.stepSize ?? attack.stepSize,
    steps,
  };
}
