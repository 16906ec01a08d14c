import type { DatasetInfo, NetworkSource, Plan, Profile, RunSettingsInput, Stage } from '@rift/contracts';
import { methodOf } from '@rift/orchestrator/plan';
import { presetOfMethod } from '@rift/orchestrator/training-presets';
import { createHash } from 'node:crypto';

import { ARCHITECTURES, METHODS } from '../parse/vocabulary.js';
import { editPlan, type PlanEdits } from '../plan/edit.js';
import { requireChoices } from '../plan/profile-choices.js';
import { completeTraining } from '../plan/recipes.js';
import { GIVEN, trainPlan } from '../plan/stages.js';
import type { Cell } from './cells.js';
import type { StudySize } from './sizes.js';

/** What a cell's plan is made for. */
export interface CellInputs {
  readonly size: StudySize;
  readonly profile: Profile;
  readonly dataset: { readonly reference: string; readonly info: DatasetInfo };
  /** Digest of a ready network; undefined trains one. */
  readonly network: string | undefined;
  /** Edits of the user, over those of the size. */
  readonly edits: PlanEdits;
  /** Whether corruptions are measured. */
  readonly withOod: boolean;
}

const EPSILON = 8 / 255;
const PREPROCESS = { cifar10: 'cifar10', cifar100: 'cifar100', 'tiny-imagenet': 'imagenet' } as const;

/**
 * The plan of one cell: the training where no network is given, then the method of the profile with the cell's choice of modules. Cells that share a
 * network, a training or a criticality share those stages' results by their keys; nothing is computed twice.
 */
export function cellPlan(cell: Cell, inputs: CellInputs): Plan {
  const { size, dataset, network, withOod, edits } = inputs;
  const start: NetworkSource = network === undefined ? { source: 'stage', stage: 'train' } : GIVEN;
  const settings = {
    profile: inputs.profile,
    seed: cell.seed,
    limits: size.limits,
    dataset: dataset.reference,
  };
  const method = methodOf(settings, dataset.info, { network: start, after: network === undefined ? ['train'] : [] });
  const kept = cell.modules === null ? method.filter(({ kind }) => kind === 'craft' || kind === 'criticality') : method;
  const all = {
    ...size.edits,
    ...edits,
    ...(cell.modules === null ? {} : { modules: cell.modules }),
    ...(withOod ? {} : { corruptions: [] }),
  };
  const edited = editPlan({ stages: kept }, all);
  if (cell.measuredAs !== undefined) measureAs(edited, cell.measuredAs);
  return network === undefined ? { stages: [trainStage(cell, inputs), ...edited.stages] } : edited;
}

/** Measures criticality by another profile's maximiser, on the same adversarial images: only so are the values comparable. */
function measureAs({ stages }: Plan, profile: Profile): void {
  for (const { criticality } of stages) {
    if (criticality?.spec) criticality.spec = { ...requireChoices(profile).criticality, seed: criticality.spec.seed };
  }
}

function trainStage(cell: Cell, { size, dataset }: CellInputs): Stage {
  const count = (split: string): number => dataset.info.splits[split]?.count ?? 0;
  const take = (split: string, limit: number) => ({
    split,
    offset: 0,
    limit: limit === 0 ? count(split) : Math.min(limit, count(split)),
  });
  const hasSelection = count('val') > 0;
  const spec = completeTraining(presetOfMethod(METHODS[cell.method]), {
    arch: cell.network,
    width: Math.max(1, Math.floor(ARCHITECTURES[cell.network] / size.widthDivisor)),
    preprocess: PREPROCESS[cell.dataset],
    // One threat model for all methods (section 5.1), whatever radius their own papers train with.
    epsilon: EPSILON,
    seed: cell.seed,
    hasSelection,
    ...(size.trainEpochs === null ? {} : { epochs: size.trainEpochs }),
    ...(size.trainSteps === null ? {} : { steps: size.trainSteps }),
    ...(size.ema === null ? {} : { emaDecay: size.ema }),
  });
  const selection = hasSelection ? take('val', size.trainSelection) : null;
  const { stages } = trainPlan({ train: take('train', size.limits.train), selection, extra: null, initial: undefined }, spec);
  return stages[0] as Stage;
}

/**
 * The identifier that makes a cell's run the same run whenever the study is run again: a UUID drawn from all that the run is asked for.
 */
export function requestIdOf(study: string, cell: Cell, settings: RunSettingsInput, plan: Plan, version: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([study, cell.id, settings, plan, version]))
    .digest();
  // The version and variant bits of a name-based UUID (RFC 9562, version 8: made by the application).
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.subarray(0, 16).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
