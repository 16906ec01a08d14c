import type { ReportStage } from '@rift/contracts';
import type { StageExecutor } from '../run-executor.js';
import { required, type StageContext, type StageOutcome } from '../stage-context.js';
import { corrupt, craft, evaluate } from './attacker-stages.js';
import { criticality } from './criticality.js';
import { fineTune } from './fine-tune.js';
import { interpolate } from './interpolate.js';
import { train } from './train.js';

/** Writes the report of a run. */
export type ReportExecutor = (context: StageContext, stage: ReportStage) => Promise<StageOutcome>;

/** Executes stages of every kind. */
export function stageExecutor(report: ReportExecutor): StageExecutor {
  return (context, stage) => {
    const what = `what stage ${stage.id} does`;
    switch (required(stage.kind, what)) {
      case 'craft':
        return craft(context, required(stage.craft, what));
      case 'criticality':
        return criticality(context, required(stage.criticality, what));
      case 'fineTune':
        return fineTune(context, required(stage.fineTune, what));
      case 'interpolate':
        return interpolate(context, required(stage.interpolate, what));
      case 'evaluate':
        return evaluate(context, required(stage.evaluate, what));
      case 'corrupt':
        return corrupt(context, required(stage.corrupt, what));
      case 'train':
        return train(context, required(stage.train, what));
      case 'report':
        return report(context, required(stage.report, what));
    }
  };
}
