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
 * Writes a small data set of classes from dark to light noise in the NPY layout: a network learns two of them in a few steps.
 * @param splits images of each split; they go round the classes
 */
export async function writeNpySet(folder: string, splits: Record<string, number>, { size = 32, classes = 2 } = {}): Promise<void> {
  let state = 1;
  const noise = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % 100;
  };
  for (const [split, count] of Object.entries(splits)) {
    const labels = Array.from({ length: count }, (_, index) => index % classes);
    const pixels = Buffer.from(
      labels.flatMap((label) => Array.from({ length: size * size * 3 }, () => Math.floor((label * 150) / (classes - 1)) + noise())),
    );
    await writeFile(join(folder, `${split}_images.npy`), npy('|u1', [count, size, size, 3], pixels));
    await writeFile(join(folder, `${split}_labels.npy`), npy('<i8', [count], Buffer.from(BigInt64Array.from(labels, BigInt).buffer)));
  }
}
