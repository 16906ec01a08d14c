import type { DataSource, Stage } from '@rift/contracts';
import { duration } from '../report/format.js';
import type { StageRow } from '../runs/run-record.js';
import { keyFigures } from './stage-figures.js';
import type { StageOutcome } from './stage-context.js';

/** How the units of a stage came about in one execution of it. */
export interface UnitCounts {
  /** Computed for this stage. */
  readonly computed: number;
  /** Known before, by this run or another. */
  readonly known: number;
  /** Calls that were made again after a worker failed. */
  readonly retries: number;
}

/**
 * What the run's log says when a stage begins.
 *
 * @param earlier the stage's row before it: one that was interrupted runs still, one that was stopped has taken its time.
 */
export function beginLine(stage: Stage, earlier: Pick<StageRow, 'state' | 'seconds'>): string {
  const images = imagesOf(stage);
  const what = images ? ` on ${images.limit === 0 ? 'all' : images.limit} images of ${images.split}` : '';
  const spent = earlier.seconds > 0 ? ` after ${duration(earlier.seconds)} of earlier work` : '';
  return `begins${earlier.state === 'RUNNING' || spent !== '' ? ' again' : ''}${what}${spent}`;
}

/** What it says when a stage has succeeded: how long, computed or known, and the key figures. */
export function endLine({ result, cached }: StageOutcome, seconds: number, counts: UnitCounts): string {
  const how = cached ? 'known from an earlier run' : `done in ${duration(seconds)}`;
  const figures = keyFigures(result).map(({ text }) => text);
  return [[how, ...unitsInWords(counts, cached)].join(', '), ...(figures.length === 0 ? [] : [figures.join(', ')])].join(': ');
}

/** What it says when a stage has failed. */
export function failureLine(message: string, seconds: number): string {
  return `failed after ${duration(seconds)}: ${message}`;
}

/** What it says when a stage was stopped because another one failed. */
export function stopLine(seconds: number): string {
  return `stopped after ${duration(seconds)}, since another stage failed`;
}

function unitsInWords({ computed, known, retries }: UnitCounts, cached: boolean): string[] {
  const all = computed + known;
  return [
    ...(all > 1 && !cached ? [known === 0 ? `${all} units computed` : `${computed} of ${all} units computed, ${known} known before`] : []),
    ...(retries === 0 ? [] : [`${retries} ${retries === 1 ? 'retry' : 'retries'}`]),
  ];
}

function imagesOf({ craft, fineTune, interpolate, evaluate, corrupt, train }: Stage): DataSource | null | undefined {
  return craft?.data ?? fineTune?.train ?? interpolate?.data ?? evaluate?.data ?? corrupt?.data ?? train?.train;
}
