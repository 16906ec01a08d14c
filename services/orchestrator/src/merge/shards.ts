import type { DataSelection } from '@rift/contracts';

/** Most units that one stage is cut into; more would cost more in calls than they bring in balance. */
const MAX_SHARDS = 24;
/** Fewest images worth a call of their own. */
const MIN_IMAGES = 100;

/**
 * Cuts a selection into ranges of images. The cut depends on the number of images alone, never on how many workers there are:
 * a range measured before a restart with fewer workers is found again after it.
 *
 * @param selection first image and number of images, which must be given (not 0).
 * @returns ranges in order that cover the selection exactly.
 */
export function shardsOf(selection: DataSelection): DataSelection[] {
  const size = Math.max(MIN_IMAGES, Math.ceil(selection.limit / MAX_SHARDS));
  const shards: DataSelection[] = [];
  for (let done = 0; done < selection.limit; done += size) {
    shards.push({ ...selection, offset: selection.offset + done, limit: Math.min(size, selection.limit - done) });
  }
  return shards;
}

/**
 * Cuts a list of modules into runs of neighbours, one or a few a call; like the cut of images it depends on the list alone.
 */
export function groupsOf<T>(items: readonly T[]): T[][] {
  const size = Math.max(1, Math.ceil(items.length / MAX_SHARDS));
  const groups: T[][] = [];
  for (let start = 0; start < items.length; start += size) groups.push(items.slice(start, start + size));
  return groups;
}
