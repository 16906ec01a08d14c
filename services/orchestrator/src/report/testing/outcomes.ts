import type { Outcome } from '@rift/contracts';
import type { Xoshiro128 } from '../../statistics/xoshiro.js';

/** An outcome with its count taken from the bytes. */
export function outcomeFrom(perImage: Uint8Array, meanLoss: number): Outcome {
  return { correct: perImage.reduce((sum, byte) => sum + byte, 0), total: perImage.length, perImage: Buffer.from(perImage), meanLoss };
}

/** Outcomes of `total` images of which a given number, drawn at random, is right. */
export function drawOutcomes(total: number, correct: number, random: Xoshiro128): Uint8Array {
  const order = shuffled(total, random);
  const bytes = new Uint8Array(total);
  for (const image of order.slice(0, correct)) bytes[image] = 1;
  return bytes;
}

/** The same outcomes after given numbers of right images went wrong and of wrong images went right. */
export function flip(before: Uint8Array, lost: number, gained: number, random: Xoshiro128): Uint8Array {
  const order = shuffled(before.length, random);
  const after = Uint8Array.from(before);
  for (const image of order.filter((i) => before[i] === 1).slice(0, lost)) after[image] = 0;
  for (const image of order.filter((i) => before[i] === 0).slice(0, gained)) after[image] = 1;
  return after;
}

function shuffled(size: number, random: Xoshiro128): number[] {
  const order = Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i -= 1) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order;
}
