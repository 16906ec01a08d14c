import { NotFound } from '@rift/service-kit/client';

import { invalidInput } from '../errors.js';
import { detectFormat } from './detect-format.js';
import type { DatasetOptions } from './datasets.js';
import { artifactKind, looksLikePath, pathKind } from './files.js';
import type { CheckpointOptions } from './networks.js';

/**
 * Checks what can be told of `--network` on this machine, before anything is started.
 *
 * @throws NotFound for a path to nothing, InvalidArgument for a file that cannot be a network
 */
export async function checkNetworkArgument(given: string, field: string, options: CheckpointOptions): Promise<void> {
  const kind = await pathKind(given);
  if (kind === 'folder') throw invalidInput(field, given, 'must be a file, a registered name or a digest, and this is a folder');
  if (kind === 'nothing') {
    if (looksLikePath(given)) throw new NotFound('file', given, `check the path given to ${field}`);
    return;
  }
  const artifact = await artifactKind(given);
  if (artifact !== undefined && artifact !== 'network') {
    throw invalidInput(field, given, `must be a network, and this file is of the kind ${artifact}`);
  }
  if (artifact === undefined && (options.arch === undefined || options.preprocess === undefined)) {
    const missing = options.arch === undefined ? '--arch and --preprocess' : '--preprocess';
    const rule = `is no network artifact, so it does not say its architecture and normalisation: add ${missing}, or import it once with "rift import"`;
    throw invalidInput(field, given, rule);
  }
}

/**
 * Checks what can be told of `--data` on this machine, before anything is started.
 *
 * @throws NotFound for a path to nothing, InvalidArgument for a file, or a folder of unknown layout
 */
export async function checkDataArgument(given: string, { format }: DatasetOptions): Promise<void> {
  const kind = await pathKind(given);
  if (kind === 'file') throw invalidInput('--data', given, 'must be a folder, a registered name or a digest, and this is a file');
  if (kind === 'nothing' && looksLikePath(given)) throw new NotFound('folder', given, 'check the path given to --data');
  if (kind === 'folder' && format === undefined) await detectFormat(given);
}

/** Checks that a file is there. @throws NotFound naming the option */
export async function checkFile(path: string, field: string): Promise<void> {
  const kind = await pathKind(path);
  if (kind === 'folder') throw invalidInput(field, path, 'must be a file, and this is a folder');
  if (kind === 'nothing') throw new NotFound('file', path, `check the path given to ${field}`);
}
