import type { AlphaPoint, CriticalityResult, EpochRecord, EvaluateResult, Outcome, Progress, StageResult } from '@rift/contracts';
import { mergeCriticality } from '../merge/merge-criticality.js';

/** What a stage knows of its result while it is executed. */
export interface PartialResult<R> {
  /** Takes what a worker says about a unit. */
  observe?(index: number, progress: Progress): void;
  /** Takes the result of a unit. */
  take?(index: number, value: R): void;
  /** The result as far as it is known; undefined while nothing is. */
  current(): StageResult | undefined;
}

/** Modules as they are measured. */
export function partialCriticality(): PartialResult<CriticalityResult> {
  const parts: CriticalityResult[] = [];
  return {
    take: (_index, value) => void parts.push(value),
    current: () => (parts.length === 0 ? undefined : { result: 'criticality', criticality: mergeCriticality(parts) }),
  };
}

/**
 * Points of the line as they are measured, without outcomes of single images: those would make every event a large one.
 *
 * @param measured points that were measured before these.
 */
export function partialPath(alphas: readonly number[], measured: readonly AlphaPoint[] = []): PartialResult<EvaluateResult> {
  const points = new Map(measured.map((point) => [point.alpha, withoutOutcomes(point)]));
  return {
    take: (index, { standard, attacks }) => {
      const [attack] = attacks;
      const alpha = alphas[index] ?? 0;
      points.set(alpha, withoutOutcomes({ alpha, standard, adversarial: attack ?? null }));
    },
    current: () => {
      if (points.size === 0) return undefined;
      const rising = [...points.values()].sort((a, b) => a.alpha - b.alpha);
      return { result: 'interpolate', interpolate: { points: rising, chosenAlpha: 0, reason: '', digest: '' } };
    },
  };
}

function withoutOutcomes({ alpha, standard, adversarial }: AlphaPoint): AlphaPoint {
  return { alpha, standard: counted(standard), adversarial: adversarial && { ...adversarial, outcome: counted(adversarial.outcome) } };
}

function counted(outcome: Outcome | null): Outcome | null {
  return outcome && { ...outcome, perImage: Buffer.alloc(0) };
}

/**
 * Epochs of a training as its progress tells of them: the figures of an epoch are those of its batches so far, and the selection
 * images are measured at its end. After a restart the epochs before it are missing until the stage ends.
 *
 * @param epochs epochs in all.
 */
export function partialEpochs<R>(epochs: number, kind: 'train' | 'fineTune'): PartialResult<R> {
  const records = new Map<number, EpochRecord>();
  return {
    observe: (_index, { done, total, metrics, elapsedSeconds }) => {
      const { loss, accuracy, learningRate, selectionStandard, selectionAdversarial } = metrics;
      if (loss === undefined || accuracy === undefined || total === 0) return;
      // The event at the end of the last batch still belongs to that batch's epoch.
      const epoch = Math.min(epochs, Math.floor((Math.max(0, done - 1) * epochs) / total) + 1);
      const before = records.get(epoch - 1);
      if (before && selectionStandard !== undefined) {
        records.set(epoch - 1, { ...before, selectionStandard, selectionAdversarial: selectionAdversarial ?? -1 });
      }
      records.set(epoch, {
        epoch,
        learningRate: learningRate ?? 0,
        loss,
        accuracy,
        selectionStandard: -1,
        selectionAdversarial: -1,
        seconds: elapsedSeconds,
      });
    },
    current: () => {
      if (records.size === 0) return undefined;
      const made = { digest: '', epochs: [...records.values()], chosenEpoch: 0 };
      return kind === 'train'
        ? { result: 'train', train: { ...made, ended: '' } }
        : { result: 'fineTune', fineTune: { ...made, relativeChange: {}, sweep: [] } };
    },
  };
}
