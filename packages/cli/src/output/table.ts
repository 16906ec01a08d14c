import Table from 'cli-table3';

import { fit, type FittedColumn } from './fit.js';

/** One column of a table: its heading, its side, and what may become of it where there is little room. */
export type Column = FittedColumn;

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '─',
  'mid-mid': '  ',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/**
 * A table with a rule under its headings and no frame, which copies well into documents.
 *
 * @param width columns of the terminal that it should fit into
 */
export function table(all: readonly Column[], cells: readonly (readonly string[])[], width = Number.POSITIVE_INFINITY): string {
  const { columns, rows } = fit(all, cells, width);
  const view = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ right }) => (right === true ? 'right' : 'left')),
    chars: PLAIN,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  });
  view.push(...rows.map((row) => [...row]));
  return view
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}

/** Names and values below each other, the values aligned. */
export function pairs(entries: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
