import type { RiftClient } from '@rift/client';
import type { DatasetEntry, DatasetInfo, DataSource } from '@rift/contracts';
import { NotFound } from '@rift/service-kit/client';
import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { invalidInput } from '../errors.js';
import { nearest } from '../parse/nearest.js';
import { DATASET_FORMATS, type DatasetFormatName } from '../parse/vocabulary.js';
import { defaultHeldOut, detectFormat, trainingImages } from './detect-format.js';
import { isDigest, pathKind } from './files.js';
import { checkDataArgument } from './preflight.js';

/** What may be said about a folder of images. */
export interface DatasetOptions {
  readonly format?: DatasetFormatName;
  readonly heldOut?: number;
}

/** A data set as a run names it. */
export interface ResolvedDataset {
  /** Registered name or digest. */
  readonly reference: string;
  readonly info: DatasetInfo;
}

/**
 * The data set that `--data` means: a folder (registered first), a registered name or a digest.
 *
 * @param note told when a folder is being read, which may take a while
 * @throws NotFound with the nearest registered name
 */
export async function resolveDataset(
  client: RiftClient,
  given: string,
  options: DatasetOptions,
  seed: number,
  { signal, note }: { readonly signal?: AbortSignal; readonly note: (text: string) => void },
): Promise<ResolvedDataset> {
  const calling = signal === undefined ? {} : { signal };
  await checkDataArgument(given, options);
  if ((await pathKind(given)) === 'folder') return await datasetOfFolder(client, given, options, seed, { ...calling, note });
  try {
    return resolved(await client.catalog.getDataset(given, calling), given);
  } catch (error) {
    if (!(error instanceof NotFound) || isDigest(given)) throw error;
    const names: string[] = [];
    for await (const entry of client.catalog.listDatasets(calling)) names.push(entry.name);
    const near = nearest(given, names);
    throw new NotFound(
      'data set',
      given,
      near === undefined ? 'it is neither a folder here nor a registered name; register it with "rift data add"' : `did you mean ${near}?`,
      { cause: error },
    );
  }
}

function resolved({ dataset }: DatasetEntry, reference: string): ResolvedDataset {
  if (dataset === null) throw new NotFound('data set', reference);
  return { reference, info: dataset };
}

async function datasetOfFolder(
  client: RiftClient,
  path: string,
  options: DatasetOptions,
  seed: number,
  { signal, note }: { readonly signal?: AbortSignal; readonly note: (text: string) => void },
): Promise<ResolvedDataset> {
  const calling = signal === undefined ? {} : { signal };
  const prepared = await prepareImport(path, options);
  const name = await folderName(prepared, seed);
  try {
    return resolved(await client.catalog.getDataset(name, calling), name);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
  note(`registering ${path} (${prepared.format}) as ${name}`);
  return resolved(await importPrepared(client, name, prepared, seed, signal), name);
}

/** A folder whose layout is known. */
export interface PreparedImport {
  /** Absolute path. */
  readonly path: string;
  readonly format: DatasetFormatName;
  /** Training images to hold out as "val". */
  readonly heldOut: number;
}

/** Tells the layout of a folder and how many images to hold out, where the options leave it open. */
export async function prepareImport(path: string, options: DatasetOptions): Promise<PreparedImport> {
  const format = options.format ?? (await detectFormat(path));
  const heldOut = options.heldOut ?? defaultHeldOut(await trainingImages(path, format));
  return { path: await realpath(resolve(path)), format, heldOut };
}

/** Registers a folder under a name. */
export async function importPrepared(
  client: RiftClient,
  name: string,
  { path, format, heldOut }: PreparedImport,
  seed: number,
  signal?: AbortSignal,
): Promise<DatasetEntry> {
  return await client.catalog.importDataset(
    { name, path, format: DATASET_FORMATS[format], heldOut, seed },
    signal === undefined ? {} : { signal },
  );
}

/**
 * The name under which a folder is registered by itself: the same as long as neither its files nor the options change, so
 * that it is read once.
 */
async function folderName({ path, format, heldOut }: PreparedImport, seed: number): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([path, format, heldOut, heldOut === 0 ? 0 : seed]));
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    const { size, mtimeMs } = await stat(file);
    hash.update(`\0${file}\0${size}\0${mtimeMs}`);
  }
  const stem =
    basename(path)
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'data';
  return `${stem.slice(0, 40)}-${hash.digest('hex').slice(0, 8)}`;
}

/** Which images a command reads. */
export interface SelectionOptions {
  readonly split: string;
  readonly offset?: number;
  readonly limit?: number;
}

/**
 * The images of a split, the number of which is written out.
 *
 * @param prefix what the options begin with, for messages (`--selection-`)
 * @throws InvalidArgument when the data set lacks the split, or the range does not lie in it
 */
export function selectImages(
  { info, reference }: ResolvedDataset,
  { split, offset = 0, limit = 0 }: SelectionOptions,
  prefix = '--',
): DataSource {
  const found = Object.hasOwn(info.splits, split) ? info.splits[split] : undefined;
  if (found === undefined) {
    const names = Object.keys(info.splits).sort();
    const near = nearest(split, names);
    throw invalidInput(
      `${prefix}split`,
      split,
      near === undefined ? `must be a split of ${reference}: ${names.join(', ')}` : `is no split of ${reference}. Did you mean ${near}?`,
    );
  }
  if (offset >= found.count) throw invalidInput('--offset', String(offset), `must be below ${found.count}, the images of "${split}"`);
  if (offset + limit > found.count) {
    const from = offset === 0 ? '' : ` from ${offset} on`;
    throw invalidInput(`${prefix}limit`, String(limit), `must be at most ${found.count - offset}, the images of "${split}"${from}`);
  }
  return { split, offset, limit: limit === 0 ? found.count - offset : limit };
}

/** Held-out images for choosing an epoch; null, with a note, when they are the default and the data set has none. */
export function selectionOf(
  dataset: ResolvedDataset,
  { selectionSplit, selectionLimit }: { readonly selectionSplit: string; readonly selectionLimit?: number },
  note: (text: string) => void,
): DataSource | null {
  if (selectionSplit === 'val' && !Object.hasOwn(dataset.info.splits, 'val')) {
    note(`${dataset.reference} has no split "val", so nothing chooses among the epochs: the last one is kept`);
    return null;
  }
  return selectImages(
    dataset,
    { split: selectionSplit, ...(selectionLimit === undefined ? {} : { limit: selectionLimit }) },
    '--selection-',
  );
}
