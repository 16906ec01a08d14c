import { createHash } from 'node:crypto';

/**
 * Seed of one purpose within a run: the same for the same run seed and purpose, unrelated otherwise.
 *
 * @param seed the run's seed.
 * @param purpose what the seed is for; stages that must see the same randomness (before and after) share it.
 * @returns an unsigned 32-bit integer.
 */
export function seedFor(seed: number, purpose: string): number {
  return createHash('sha256').update(`${seed}/${purpose}`).digest().readUInt32BE(0);
}
