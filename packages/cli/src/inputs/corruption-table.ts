import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

import type { CorruptionTable } from '@rift/client';

import { invalidInput } from '../errors.js';

/** Accuracies under corruptions of a network that others are compared with. */
export interface NamedTable {
  /** What the comparison is named after. */
  readonly name: string;
  readonly table: CorruptionTable;
}

/**
 * Reads the accuracies under corruptions from the JSON that `rift evaluate --suite ood --json` printed for another network.
 *
 * @param option option that named the file, for errors
 * @throws invalid input naming the file and what is wrong with it
 */
export async function readCorruptionTable(path: string, option: string): Promise<NamedTable> {
  const refuse = (rule: string) => invalidInput(option, path, rule);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw refuse('must be the JSON that "rift evaluate --suite ood --json" prints');
  }
  const table: unknown = typeof document === 'object' && document !== null && 'corruptions' in document ? document.corruptions : undefined;
  if (!isTable(table)) throw refuse('must hold "corruptions" with the accuracies (0 to 1) of each corruption by severity');
  return { name: basename(path).replace(/\.json$/, ''), table };
}

function isTable(value: unknown): value is CorruptionTable {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const rows: unknown[] = Object.values(value);
  const isAccuracy = (cell: unknown): boolean => typeof cell === 'number' && cell >= 0 && cell <= 1;
  return rows.length > 0 && rows.every((row) => Array.isArray(row) && row.length > 0 && row.every(isAccuracy));
}
