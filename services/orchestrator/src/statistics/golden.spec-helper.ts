import { readFileSync } from 'node:fs';

interface Ends {
  readonly low: number;
  readonly high: number;
}
interface Flips {
  readonly total: number;
  readonly lost: number;
  readonly gained: number;
}

/** What test/golden/statistics/make.py writes. */
export interface StatisticsGolden {
  readonly wilson: readonly ({ readonly correct: number; readonly total: number } & Ends)[];
  readonly mcnemar: readonly { readonly lost: number; readonly gained: number; readonly p: number }[];
  readonly paired: readonly (Flips &
    Ends & {
      readonly difference: number;
      readonly standardError: number;
      readonly margin: number;
      readonly lowerBound: number;
      readonly holds: boolean;
      readonly supportedMargin: number;
    })[];
  readonly meanDifference: Ends & { readonly values: readonly number[]; readonly difference: number; readonly standardError: number };
  readonly tInterval: readonly (Ends & { readonly values: readonly number[]; readonly mean: number; readonly standardDeviation: number })[];
  readonly generator: readonly { readonly seed: number; readonly words: readonly number[] }[];
  readonly bootstrap: {
    readonly exact: readonly (Flips & Ends & { readonly seed: number })[];
    readonly scipy: Flips & Ends & { readonly tolerance: number };
  };
}

const PATH = new URL('../../../../test/golden/statistics/statistics.json', import.meta.url);

export const golden = JSON.parse(readFileSync(PATH, 'utf8')) as StatisticsGolden;

/** Outcomes before and after with the given flips; of the rest every other image is right both times. */
export function outcomes({ total, lost, gained }: Flips): { before: Uint8Array; after: Uint8Array } {
  const before = Uint8Array.from({ length: total }, (_, i) => Number(i < lost || (i >= lost + gained && i % 2 === 0)));
  const after = Uint8Array.from({ length: total }, (_, i) =>
    Number((i >= lost && i < lost + gained) || (i >= lost + gained && i % 2 === 0)),
  );
  return { before, after };
}

/** Per-image differences in the order of make.py: the losses, the gains, the rest. */
export function differences({ total, lost, gained }: Flips): Float64Array {
  return Float64Array.from({ length: total }, (_, i) => (i < lost ? -1 : i < lost + gained ? 1 : 0));
}

/** Whether two numbers agree to `digits` significant decimal digits, or absolutely near 0. */
export function agrees(actual: number, expected: number, digits = 12): boolean {
  const scale = Math.max(Math.abs(expected), 1e-9);
  return Math.abs(actual - expected) <= scale * 10 ** -digits;
}
