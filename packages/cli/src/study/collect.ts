import { accuracyOf, outOfDistribution, type Accuracy } from '@rift/client';
import type { AlphaPoint, EvaluateResult, Run, StageResult } from '@rift/contracts';

import type { Cell } from './cells.js';
import { changeOf, oodChangeOf, type Change } from './changes.js';

/** The three accuracies of a network; absent where a study does not measure one. */
export interface Measured<T> {
  readonly standard?: T;
  readonly ood?: T;
  readonly adversarial?: T;
}

/** One module's criticality in a study's result. */
export interface StudyModule {
  readonly name: string;
  readonly mrc: number;
  readonly standardError: number;
  readonly robustAccuracyDrop: number;
  readonly perturbationRatio: number;
  readonly seconds: number;
}

/** One position on the line in a study's result. */
export interface StudyPoint {
  readonly alpha: number;
  readonly standard: Accuracy;
  readonly adversarial: Accuracy;
}

/** What one run of a study came to. */
export interface CellResult {
  readonly id: string;
  readonly row: string;
  readonly title: string;
  readonly network: string;
  readonly dataset: string;
  readonly method: string;
  readonly seed: number;
  readonly state: 'done' | 'failed';
  /** Why it failed; null when it did not. */
  readonly error: string | null;
  readonly runId: string;
  /** Seconds of its stages; those whose results were known took none. */
  readonly seconds: number;
  readonly before: Measured<Accuracy>;
  readonly after: Measured<Accuracy>;
  readonly change: Measured<Change>;
  /** At the end of the line, alpha = 1, on the images that choose alpha, and the change from alpha = 0 there. */
  readonly tuned: Measured<Accuracy>;
  readonly tunedChange: Measured<Change>;
  /** Modules that were fine-tuned; all or the last layer's names where the scope says so. */
  readonly modules: readonly string[];
  readonly alpha: number | null;
  readonly path: readonly StudyPoint[];
  readonly baseLoss: number | null;
  readonly baseAccuracy: number | null;
  readonly criticality: readonly StudyModule[];
}

/** The cell's fields that its result repeats. */
function named({ id, row, title, network, dataset, method, seed }: Cell) {
  return { id, row, title, network, dataset, method, seed };
}

const NOTHING = {
  before: {},
  after: {},
  change: {},
  tuned: {},
  tunedChange: {},
  modules: [],
  alpha: null,
  path: [],
  baseLoss: null,
  baseAccuracy: null,
  criticality: [],
} as const;

/** A run that failed. */
export function failedCell(cell: Cell, runId: string, error: string): CellResult {
  return { ...named(cell), ...NOTHING, state: 'failed', error, runId, seconds: 0 };
}

/** The figures of a run that succeeded. */
export function collectCell(cell: Cell, run: Run): CellResult {
  const result = (id: string): StageResult | null | undefined => run.stages.find((stage) => stage.id === id)?.result;
  const evaluation = (id: string) => result(id)?.evaluate ?? undefined;
  const line = result('interpolate')?.interpolate;
  const measured = result('criticality')?.criticality;
  const tuned = result('fine-tune')?.fineTune;
  const [before, after] = [evaluation('before'), evaluation('after')];
  const [beforeOod, afterOod] = [evaluation('before-corruptions'), evaluation('after-corruptions')];
  return {
    ...named(cell),
    state: 'done',
    error: null,
    runId: run.id,
    seconds: run.stages.reduce((sum, { seconds }) => sum + seconds, 0),
    before: accuraciesOf(before, beforeOod),
    after: accuraciesOf(after, afterOod),
    change: present({
      standard: changeOf(before?.standard, after?.standard),
      ood: oodChangeOf(beforeOod?.corruptions ?? [], afterOod?.corruptions ?? []),
      adversarial: changeOf(before?.attacks[0]?.outcome, after?.attacks[0]?.outcome),
    }),
    ...tunedPart(line?.points ?? []),
    modules: Object.keys(tuned?.relativeChange ?? {}).sort(),
    alpha: line?.chosenAlpha ?? null,
    path: (line?.points ?? []).map(pointOf),
    baseLoss: measured?.baseLoss ?? null,
    baseAccuracy: measured?.baseAccuracy ?? null,
    criticality: (measured?.modules ?? []).map(({ name, mrc, standardError, robustAccuracyDrop, perturbationRatio, seconds }) => ({
      name,
      mrc,
      standardError,
      robustAccuracyDrop,
      perturbationRatio,
      seconds,
    })),
  };
}

/** The fine-tuned network itself, without any interpolation: the paper's tables 3 and 4 keep no alpha rule. */
function tunedPart(points: readonly AlphaPoint[]): Pick<CellResult, 'tuned' | 'tunedChange'> {
  const [from, to] = [0, 1].map((alpha) => points.find((point) => point.alpha === alpha));
  const adversarial = to?.adversarial?.outcome;
  return {
    tuned: present({
      standard: to?.standard ? accuracyOf(to.standard) : undefined,
      adversarial: adversarial ? accuracyOf(adversarial) : undefined,
    }),
    tunedChange: present({
      standard: changeOf(from?.standard, to?.standard),
      adversarial: changeOf(from?.adversarial?.outcome, adversarial),
    }),
  };
}

function accuraciesOf(plain: EvaluateResult | undefined, corrupted: EvaluateResult | undefined): Measured<Accuracy> {
  const adversarial = plain?.attacks[0]?.outcome;
  return present({
    standard: plain?.standard ? accuracyOf(plain.standard) : undefined,
    ood: corrupted ? outOfDistribution(corrupted.corruptions) : undefined,
    adversarial: adversarial ? accuracyOf(adversarial) : undefined,
  });
}

function pointOf({ alpha, standard, adversarial }: AlphaPoint): StudyPoint {
  const none = { correct: 0, total: 0 };
  return { alpha, standard: accuracyOf(standard ?? none), adversarial: accuracyOf(adversarial?.outcome ?? none) };
}

/** The object without what is undefined. */
function present<T extends object>(all: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };
}
