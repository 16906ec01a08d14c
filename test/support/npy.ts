import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

function npy(descr: string, shape: readonly number[], data: Buffer): Buffer {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(padded), data]);
}

/**
 * Writes a small data set of two classes, dark and light noise, in the NPY layout: a network learns it in a few steps.
 * @param count images per split; they alternate between the classes
 */
export async function writeNpySet(folder: string, splits: Record<string, number>, size = 32): Promise<void> {
  let state = 1;
  const noise = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % 100;
  };
  for (const [split, count] of Object.entries(splits)) {
    const classes = Array.from({ length: count }, (_, index) => index % 2);
    const pixels = Buffer.from(classes.flatMap((label) => Array.from({ length: size * size * 3 }, () => label * 150 + noise())));
    await writeFile(join(folder, `${split}_images.npy`), npy('|u1', [count, size, size, 3], pixels));
    await writeFile(join(folder, `${split}_labels.npy`), npy('<i8', [count], Buffer.from(BigInt64Array.from(classes, BigInt).buffer)));
  }
}
