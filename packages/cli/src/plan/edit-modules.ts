import type { Plan } from '@rift/contracts';

import { invalidInput } from '../errors.js';
import type { ModulesChoice } from '../parse/modules.js';

/** Stages of a plan. */
export type Stages = Plan['stages'];

/** The stages but those, and without the references to them. */
export function without(stages: Stages, isGone: (stage: Stages[number]) => boolean): Stages {
  const gone = new Set(stages.filter(isGone).map(({ id }) => id));
  return stages.filter(({ id }) => !gone.has(id)).map((stage) => ({ ...stage, after: stage.after.filter((id) => !gone.has(id)) }));
}

/**
 * Makes every fine-tuning of the plan move those weights. Where nothing is chosen by criticality any more, its stage goes, and with it the
 * crafting before it.
 *
 * @param stages changed in place where they stay.
 * @throws InvalidArgument where the plan fine-tunes nothing, or measures no criticality to choose by.
 */
export function withModules(stages: Stages, choice: ModulesChoice): Stages {
  const said = choice.kind === 'named' ? choice.modules.join(',') : choice.kind === 'scope' ? choice.scope : choice.rule;
  if (!stages.some(({ fineTune }) => fineTune)) throw invalidInput('--modules', said, 'has no use here: the plan fine-tunes nothing');
  for (const { fineTune } of stages) {
    if (!fineTune?.spec) continue;
    fineTune.spec.scope = choice.kind === 'scope' ? choice.scope : 'FINE_TUNE_SCOPE_MODULES';
    fineTune.spec.modules = choice.kind === 'named' ? [...choice.modules] : [];
    fineTune.choice = choice.kind === 'rule' ? { rule: choice.rule, count: choice.count } : null;
    if (choice.kind !== 'rule') fineTune.criticalityStage = '';
    else if (fineTune.criticalityStage === '') {
      throw invalidInput('--modules', said, 'needs a plan that measures criticality before the fine-tuning');
    }
  }
  if (choice.kind === 'rule') {
    for (const { criticality } of stages) {
      if (criticality && choice.rule === 'MODULE_RULE_GREEDY')
        criticality.greedy = { modules: choice.count, candidates: choice.candidates };
    }
    return stages;
  }
  return without(stages, ({ id, kind }) => kind === 'criticality' || (kind === 'craft' && id === 'craft'));
}
