import type { EpochRecord } from '@rift/contracts';
import type { ReportInput } from '../input.js';
import { attackName, enumWords, imagesName, threatModelName } from './names.js';
import { finite } from './outcomes.js';
import type { EpochData, TrainingData } from './types.js';

/** Epochs as the report shows them; what was not measured (negative) is null. */
export function epochsData(records: readonly EpochRecord[]): EpochData[] {
  const measured = (value: number): number | null => (value < 0 ? null : finite(value));
  return records.map((record) => ({
    epoch: record.epoch,
    learningRate: record.learningRate,
    loss: finite(record.loss),
    accuracy: finite(record.accuracy),
    selectionStandard: measured(record.selectionStandard),
    selectionAdversarial: measured(record.selectionAdversarial),
    seconds: record.seconds,
  }));
}

/** How the run's own network was trained. */
export function trainingData({ train }: ReportInput): TrainingData | null {
  if (!train) return null;
  const { spec, result, images, selection, extra } = train;
  return {
    method: enumWords('TRAIN_METHOD_', spec.method),
    attack: spec.attack ? `${attackName(spec.attack)} (${threatModelName(spec.attack)})` : null,
    batchNorm: enumWords('CRAFT_BATCH_NORM_', spec.craftBatchNorm),
    images: images ? imagesName(images) : null,
    selection: selection ? imagesName(selection) : null,
    extra: extra ? `${Math.round(100 * spec.extraFraction)} % of every batch from ${imagesName(extra)}` : null,
    plannedEpochs: spec.epochs,
    chosenEpoch: result.chosenEpoch,
    ended: result.ended === '' ? null : result.ended,
    epochs: epochsData(result.epochs),
  };
}
