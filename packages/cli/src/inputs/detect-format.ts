import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { invalidInput } from '../errors.js';
import type { DatasetFormatName } from '../parse/vocabulary.js';

const PICTURE = /\.(png|jpe?g|bmp|ppm|webp)$/i;
const CIFAR10_RECORD = 3073;
const CIFAR100_RECORD = 3074;

/**
 * The layout of a data set's folder, told by the names in it.
 *
 * @throws InvalidArgument naming what was found when no layout fits
 */
export async function detectFormat(path: string): Promise<DatasetFormatName> {
  const names = await readdir(path);
  const has = (name: string): boolean => names.includes(name);
  if (names.some((name) => /^data_batch_\d+\.bin$/.test(name)) || has('test_batch.bin')) return 'cifar10';
  if (has('train.bin') || has('test.bin')) return 'cifar100';
  if (has('wnids.txt') || has('words.txt')) return 'tiny-imagenet';
  if (has('labels.npy') && names.some((name) => name.endsWith('.npy') && name !== 'labels.npy')) return 'cifar-c';
  if (names.some((name) => /^[a-z0-9]+_images\.npy$/.test(name))) return 'npy';
  if (await hasPictureFolders(path, names)) return 'folder';
  const seen = names.slice(0, 5).join(', ');
  throw invalidInput(
    '--data',
    path,
    `holds no known layout (found ${seen === '' ? 'nothing' : seen}); name it with --format, or see "rift data add --help"`,
  );
}

/** Whether the folder is split/class/picture or class/picture. */
async function hasPictureFolders(path: string, names: readonly string[]): Promise<boolean> {
  for (const name of names.filter((entry) => !entry.startsWith('.')).slice(0, 20)) {
    const inner = join(path, name);
    if (!(await stat(inner)).isDirectory()) continue;
    const entries = await readdir(inner, { withFileTypes: true });
    if (entries.some((entry) => entry.isFile() && PICTURE.test(entry.name))) return true;
    const first = entries.find((entry) => entry.isDirectory());
    if (first !== undefined && (await readdir(join(inner, first.name))).some((entry) => PICTURE.test(entry))) return true;
  }
  return false;
}

/** What decides how many images to hold out. */
export interface TrainingImages {
  readonly hasValidation: boolean;
  /** Images of the split "train"; 0 when it cannot be told before importing. */
  readonly count: number;
}

/** Whether there is a held-out split, and how many training images there are. */
export async function trainingImages(path: string, format: DatasetFormatName): Promise<TrainingImages> {
  const names = await readdir(path);
  switch (format) {
    case 'cifar10': {
      const batches = names.filter((name) => /^data_batch_\d+\.bin$/.test(name));
      return { hasValidation: names.includes('val_batch.bin'), count: await records(path, batches, CIFAR10_RECORD) };
    }
    case 'cifar100':
      return {
        hasValidation: names.includes('val.bin'),
        count: await records(
          path,
          names.filter((name) => name === 'train.bin'),
          CIFAR100_RECORD,
        ),
      };
    case 'folder':
      return { hasValidation: names.includes('val'), count: names.includes('train') ? await countPictures(join(path, 'train')) : 0 };
    case 'tiny-imagenet':
      return { hasValidation: false, count: names.includes('train') ? await countPictures(join(path, 'train')) : 0 };
    case 'npy':
      return {
        hasValidation: names.includes('val_images.npy'),
        count: names.includes('train_images.npy') ? await npyRows(join(path, 'train_images.npy')) : 0,
      };
    case 'cifar-c':
      return { hasValidation: false, count: 0 };
  }
}

async function records(path: string, names: readonly string[], size: number): Promise<number> {
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size));
  return Math.floor(sizes.reduce((sum, bytes) => sum + bytes, 0) / size);
}

async function countPictures(path: string): Promise<number> {
  return (await readdir(path, { recursive: true })).filter((name) => PICTURE.test(name)).length;
}

/** First size of the array in a .npy file; 0 when its header cannot be read. */
async function npyRows(path: string): Promise<number> {
  const handle = await open(path, 'r');
  try {
    const header = Buffer.alloc(512);
    const { bytesRead } = await handle.read(header, 0, header.length, 0);
    return Number(/'shape':\s*\((\d+)/.exec(header.toString('latin1', 0, bytesRead))?.[1] ?? 0);
  } finally {
    await handle.close();
  }
}

/** Share of the training images that is held out when a data set has no split "val"; the paper's peers hold out as much. */
const HELD_OUT_SHARE = 0.1;
/** More than this many tell little more. */
const HELD_OUT_MOST = 5_000;

/** How many training images to hold out by default. */
export function defaultHeldOut({ hasValidation, count }: TrainingImages): number {
  return hasValidation ? 0 : Math.min(HELD_OUT_MOST, Math.floor(count * HELD_OUT_SHARE));
}
