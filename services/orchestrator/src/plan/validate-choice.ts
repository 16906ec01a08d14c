import { ModuleRule, type CriticalityStage, type FineTuneStage, type Stage } from '@rift/contracts';
import { rules } from '@rift/validation';
import { checkSchema, type Report } from './validate-spec.js';

const MAX_SEEDS = 20;

const seeds = rules.count(0, MAX_SEEDS);
const share = rules.between(0, 1);
const greedySpec = rules.message({ modules: rules.count(2, 20), candidates: rules.count(0, 10_000) });
const moduleChoice = rules.message({ rule: rules.oneOfOrUnset(ModuleRule), count: rules.count(0, 100) });
const sweepSpec = rules.message({
  rates: rules
    .list(rules.positive(), 20)
    .refine((rates) => rates.length >= 2 && rates.every((rate, index) => index === 0 || rate > (rates[index - 1] ?? NaN)), {
      error: 'must rise from one to the next, and hold at least 2',
    }),
  epochs: rules.count(1, 100),
});

/** Checks what a criticality stage adds to the settings of one measurement: seeds, pruning and the growing of a set. */
export function checkMeasurement(stage: CriticalityStage, field: string, report: Report): void {
  const { greedy, spec } = stage;
  checkSchema(seeds, stage.seeds, `${field}.seeds`, report);
  checkSchema(share, stage.measuredShare, `${field}.measuredShare`, report);
  if (greedy) {
    checkSchema(greedySpec, greedy, `${field}.greedy`, report);
    if (spec?.grouping === 'MODULE_GROUPING_BLOCK' || spec?.grouping === 'MODULE_GROUPING_NAMED') {
      report(
        `${field}.greedy`,
        spec.grouping,
        'must be unset unless spec.grouping is MODULE_GROUPING_LAYER: the set is grown by single modules',
      );
    }
  }
  if (spec?.estimateOnly === true && (stage.seeds > 1 || stage.measuredShare > 0 || greedy)) {
    report(`${field}.spec.estimateOnly`, true, 'must be false with seeds, measuredShare or greedy: nothing would be measured');
  }
}

/** Checks how a fine-tuning stage chooses its modules and its learning rate. */
export function checkChoices(stage: FineTuneStage, field: string, chosenLater: boolean, stages: readonly Stage[], report: Report): void {
  const { choice, sweep } = stage;
  if (choice) {
    checkSchema(moduleChoice, choice, `${field}.choice`, report);
    if (chosenLater) checkGreedy(stage, field, stages, report);
  }
  if (chosenLater && measurementOf(stage, stages)?.spec?.estimateOnly === true) {
    report(`${field}.criticalityStage`, stage.criticalityStage, 'must measure criticality: first-order estimates choose no module');
  }
  if (sweep) {
    checkSchema(sweepSpec, sweep, `${field}.sweep`, report);
    if (!stage.selection) report(`${field}.selection`, '', 'must be set where sweep is: its images compare the learning rates');
  }
}

function checkGreedy(stage: FineTuneStage, field: string, stages: readonly Stage[], report: Report): void {
  if (stage.choice?.rule !== 'MODULE_RULE_GREEDY') return;
  const grown = measurementOf(stage, stages)?.greedy;
  if (!grown) report(`${field}.choice.rule`, stage.choice.rule, 'must be another one unless its criticality stage has greedy set');
  else if (stage.choice.count > grown.modules) {
    report(`${field}.choice.count`, stage.choice.count, `must be at most ${grown.modules}, the modules of the greedy set`);
  }
}

function measurementOf(stage: FineTuneStage, stages: readonly Stage[]): CriticalityStage | undefined {
  return stages.find(({ id }) => id === stage.criticalityStage)?.criticality ?? undefined;
}
