import { AlphaRule, type FineTuneSpec, type Stage } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import {
  attackSpec,
  check as checkMessage,
  corruptSpec,
  craftSpec,
  criticalitySpec,
  evaluateSpec,
  fineTuneSpec,
  rules,
  trainSpec,
} from '@rift/validation';
import type { z } from 'zod';

/** Reports one broken rule of a field. */
export type Report = (field: string, value: unknown, rule: string) => void;

const MAX_ALPHAS = 1001;

/** The walk from the original to the fine-tuned weights; the workers never see it as a whole. */
const interpolateSpec = rules.message({
  alphas: rules.list(rules.between(0, 1), MAX_ALPHAS).refine(risesFromZeroToOne, { error: 'must rise from 0 to 1, both included' }),
  rule: rules.oneOf(AlphaRule),
  margin: rules.between(0, 1),
  attack: attackSpec,
  seed: rules.uint32(),
  refinements: rules.count(0, 10),
});

function risesFromZeroToOne(alphas: readonly number[]): boolean {
  return alphas[0] === 0 && alphas.at(-1) === 1 && alphas.every((alpha, index) => index === 0 || alpha > (alphas[index - 1] ?? NaN));
}

/** Checks a value by a schema and reports every broken rule under the field's path. */
export function checkSchema(schema: z.ZodType, value: unknown, path: string, report: Report): void {
  try {
    checkMessage(schema, value ?? undefined, path);
  } catch (error) {
    if (!(error instanceof InvalidArgument)) throw error;
    for (const { field: at, value: wrong, rule } of error.violations) report(at, wrong, rule);
  }
}

/**
 * Checks a stage's settings by the rules that its worker will apply, so that a mistake shows before the run begins and not hours
 * later. What depends on the network or the engine (names of modules, methods that exist) is left to the worker.
 *
 * @param field path of the stage.
 */
export function checkSpec(stage: Stage, field: string, report: Report): void {
  const check = (schema: z.ZodType, spec: unknown, path: string): void => checkSchema(schema, spec, path, report);
  switch (stage.kind) {
    case 'craft':
      return check(craftSpec, stage.craft?.spec, `${field}.craft.spec`);
    case 'criticality':
      return check(criticalitySpec, stage.criticality?.spec, `${field}.criticality.spec`);
    case 'fineTune':
      check(fineTuneSpec, withModule(stage.fineTune?.spec), `${field}.fineTune.spec`);
      if (stage.fineTune?.spec?.keepBest === true && !stage.fineTune.selection) {
        report(`${field}.fineTune.selection`, '', 'must be set where spec.keepBest is true: its images choose the epoch');
      }
      return;
    case 'interpolate':
      return check(interpolateSpec, stage.interpolate?.spec, `${field}.interpolate.spec`);
    case 'evaluate':
      return check(evaluateSpec, stage.evaluate?.spec, `${field}.evaluate.spec`);
    case 'corrupt':
      return check(corruptSpec, stage.corrupt?.spec, `${field}.corrupt.spec`);
    case 'train':
      check(trainSpec, stage.train?.spec, `${field}.train.spec`);
      if ((stage.train?.spec?.keepBest === true || (stage.train?.spec?.patience ?? 0) > 0) && !stage.train?.selection) {
        report(`${field}.train.selection`, '', 'must be set where spec.keepBest or spec.patience is: its images compare the epochs');
      }
      if (stage.train?.extra ? stage.train.spec?.extraFraction === 0 : (stage.train?.spec?.extraFraction ?? 0) > 0) {
        report(
          `${field}.train.extra`,
          stage.train?.extra?.split ?? '',
          'must be set where spec.extraFraction is greater than 0, and only there',
        );
      }
      return;
    case 'report':
    case undefined:
      return;
  }
}

/** A worker is never sent an empty list of modules; in a plan it means the one that the criticality stage will choose. */
function withModule(spec: FineTuneSpec | null | undefined): FineTuneSpec | null | undefined {
  const chosenLater = spec?.modules.length === 0 && spec.scope !== 'FINE_TUNE_SCOPE_ALL' && spec.scope !== 'FINE_TUNE_SCOPE_LAST';
  return chosenLater ? { ...spec, modules: ['chosen'] } : spec;
}
