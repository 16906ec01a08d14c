import { createHash } from 'node:crypto';

/** Whole numbers from 0 to below a bound, from a seed. */
export type Random = (below: number) => number;

/** A generator whose numbers follow from its seed. */
export function generatorOf(seed: string): Random {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(1, below);
  };
}

/** Numbers at which readers break: lengths, counts and offsets are mostly four or eight bytes. */
const EDGES = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];

type Change = (bytes: Buffer, random: Random) => Buffer;

/** Beginnings hold headers, ends hold directories: most changes go there. */
function place(bytes: Buffer, random: Random): number {
  const near = Math.min(bytes.length, 512);
  return [random(bytes.length), random(near), bytes.length - 1 - random(near)][random(3)] ?? 0;
}

const CHANGES: readonly Change[] = [
  (bytes, random) => {
    const at = place(bytes, random);
    bytes[at] = random(256);
    return bytes;
  },
  (bytes, random) => {
    const at = place(bytes, random);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    return bytes;
  },
  (bytes, random) => {
    const value = EDGES[random(EDGES.length)] ?? 0n;
    const width = [1, 2, 4, 8][random(4)] ?? 1;
    if (bytes.length < width) return bytes;
    const at = Math.min(place(bytes, random), bytes.length - width);
    for (let index = 0; index < width; index += 1) bytes[at + index] = Number((value >> BigInt(8 * index)) & 0xffn);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random(bytes.length)),
  (bytes, random) => bytes.subarray(random(Math.min(bytes.length, 64))),
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random(64)))]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const piece = bytes.subarray(at, at + 1 + random(64));
    return Buffer.concat([bytes.subarray(0, at), piece, piece, bytes.subarray(at)]);
  },
  (bytes, random) => {
    // Digits and letters in text headers (JSON, Python literals) change their meaning without breaking their form.
    const text = bytes.subarray(0, 4096).toString('latin1');
    const numbers = [...text.matchAll(/\d+/g)];
    const chosen = numbers[random(numbers.length)];
    if (chosen === undefined) return bytes;
    const value = ['0', '-1', '18446744073709551616', '99999999', '1e308', '""', 'null'][random(7)] ?? '0';
    return Buffer.concat([bytes.subarray(0, chosen.index), Buffer.from(value), bytes.subarray(chosen.index + chosen[0].length)]);
  },
];

/** One to four changes to a copy of the bytes. */
export function mutate(seed: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(seed);
  for (let count = 1 + random(4); count > 0; count -= 1) {
    if (bytes.length === 0) return bytes;
    bytes = Buffer.from(CHANGES[random(CHANGES.length)]?.(bytes, random) ?? bytes);
  }
  return bytes;
}
