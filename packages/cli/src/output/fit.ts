/** A column as far as its width matters. */
export interface FittedColumn {
  readonly title: string;
  /** Numbers stand right; they are never cut. */
  readonly right?: boolean;
  /** Copied from the screen, as identifiers are: never cut. */
  readonly whole?: boolean;
  /** Left out where the table would be too wide. */
  readonly optional?: boolean;
}

const GAP = 2;
const NARROWEST = 8;

/**
 * Makes a table fit: first optional columns go, the last first, then the widest text is cut, down to eight characters each.
 *
 * @param columns room of the terminal; what still does not fit is left to wrap, because a number cut in two would lie
 * @returns the columns that stay and their rows
 */
export function fit<C extends FittedColumn>(
  all: readonly C[],
  rows: readonly (readonly string[])[],
  columns: number,
): { readonly columns: readonly C[]; readonly rows: readonly (readonly string[])[] } {
  let kept = all.map((column, index) => ({ column, index, width: widthOf(column, index, rows) }));
  const excess = (): number => kept.reduce((sum, { width }) => sum + width, GAP * (kept.length - 1)) - columns;
  while (excess() > 0) {
    const dropped = kept.findLast(({ column }) => column.optional === true);
    if (dropped === undefined) break;
    kept = kept.filter((one) => one !== dropped);
  }
  while (excess() > 0) {
    const widest = kept
      .filter(({ column, width }) => column.right !== true && column.whole !== true && width > NARROWEST)
      .reduce<(typeof kept)[number] | undefined>((best, one) => (best === undefined || one.width > best.width ? one : best), undefined);
    if (widest === undefined) break;
    widest.width -= 1;
  }
  return {
    columns: kept.map(({ column }) => column),
    rows: rows.map((row) => kept.map(({ index, width }) => cut(row[index] ?? '', width))),
  };
}

function widthOf({ title }: FittedColumn, index: number, rows: readonly (readonly string[])[]): number {
  return Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length));
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
