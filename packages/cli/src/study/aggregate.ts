import type { Accuracy } from '@rift/client';
import { tInterval } from '@rift/orchestrator/statistics';

import type { Change } from './changes.js';
import type { CellResult, Measured } from './collect.js';
import { publishedRow, type Figures } from './published.js';

/** A figure over the seeds of a row. */
export interface Estimate {
  /** Mean over the seeds, a fraction. */
  readonly mean: number;
  /** 95 % interval: over seeds where there are at least two, over images (Wilson, or paired for changes) with one. */
  readonly ci95: readonly [low: number, high: number];
  /** What the interval is over. */
  readonly over: 'seeds' | 'images';
  /** Every seed's value. */
  readonly values: readonly number[];
}

/** One row of a table on one data set. */
export interface StudyRow {
  readonly row: string;
  readonly title: string;
  readonly dataset: string;
  readonly seeds: readonly number[];
  readonly before: Measured<Estimate>;
  readonly after: Measured<Estimate>;
  readonly change: Measured<Estimate>;
  /** At alpha = 1, on the images that choose alpha. */
  readonly tuned: Measured<Estimate>;
  readonly tunedChange: Measured<Estimate>;
  readonly modules: readonly string[];
  readonly alphas: readonly number[];
  /** The paper's figures; null where it has none. */
  readonly published: { readonly before: Figures; readonly after: Figures } | null;
  /** Why seeds of this row failed. */
  readonly errors: readonly string[];
}

const KEYS = ['standard', 'ood', 'adversarial'] as const;

/** The rows of a study: cells that differ in nothing but the seed are one. */
export function rowsOf(study: string, cells: readonly CellResult[]): StudyRow[] {
  const groups = Map.groupBy(cells, ({ row, dataset }) => `${dataset}/${row}`);
  return [...groups.values()].flatMap((group): StudyRow[] => {
    const [first] = group;
    if (first === undefined) return [];
    const done = group.filter(({ state }) => state === 'done');
    const published = publishedRow(study, first.row, first.dataset);
    return [
      {
        row: first.row,
        title: first.title,
        dataset: first.dataset,
        seeds: done.map(({ seed }) => seed),
        before: estimates(done.map(({ before }) => before)),
        after: estimates(done.map(({ after }) => after)),
        change: estimates(done.map(({ change }) => change)),
        tuned: estimates(done.map(({ tuned }) => tuned)),
        tunedChange: estimates(done.map(({ tunedChange }) => tunedChange)),
        modules: [...new Set(done.map(({ modules }) => modules.join(', ')))],
        alphas: done.flatMap(({ alpha }) => (alpha === null ? [] : [alpha])),
        published: published === undefined ? null : { before: published.before, after: published.after },
        errors: [...new Set(group.flatMap(({ error }) => (error === null ? [] : [error])))],
      },
    ];
  });
}

type One = Accuracy | Change;

function estimates(seeds: readonly Measured<One>[]): Measured<Estimate> {
  const entries = KEYS.flatMap((key) => {
    const all = seeds.flatMap((seed) => (seed[key] === undefined ? [] : [seed[key]]));
    return all.length === 0 ? [] : [[key, estimateOf(all)] as const];
  });
  return Object.fromEntries(entries);
}

function estimateOf(all: readonly One[]): Estimate {
  const values = all.map((one) => ('accuracy' in one ? one.accuracy : one.difference));
  const [only] = all;
  // Seeds on one given network share its accuracies: their spread says nothing, the images' does.
  const isOne = values.every((value) => value === values[0]);
  if (isOne && only !== undefined) return { mean: values[0] ?? 0, ci95: only.ci95, over: 'images', values };
  const { mean, low, high } = tInterval(values);
  return { mean, ci95: [low, high], over: 'seeds', values };
}
