import type { Plan } from '@rift/contracts';
import { isDeepStrictEqual } from 'node:util';

/**
 * What differs in one plan from another: new values by their path, which begins with the stage's identifier. Lists of equal length are
 * compared entry by entry.
 */
export function differences(before: Plan, after: Plan): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  collect(byId(before), byId(after), '', found);
  return found;
}

function byId({ stages }: Plan): object {
  return Object.fromEntries(stages.map(({ id, ...stage }) => [id, stage]));
}

function collect(before: unknown, after: unknown, path: string, found: Record<string, unknown>): void {
  if (isDeepStrictEqual(before, after)) return;
  if (!isObject(before) || !isObject(after) || (Array.isArray(before) && before.length !== Object.keys(after).length)) {
    found[path] = after;
    return;
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    collect(before[name], after[name], path === '' ? name : `${path}.${name}`, found);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
