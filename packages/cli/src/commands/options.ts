import { STANDARD_CORRUPTIONS } from '@rift/client';
import { Option, type Command } from 'commander';

import type { DatasetFormatName } from '../parse/vocabulary.js';
import type { AttackChoice } from '../plan/attacks.js';
import type { CheckpointOptions } from '../inputs/networks.js';
import { alphas as alphasParser, decimal, epsilon, fraction, integer } from '../parse/numbers.js';
import { parsePreprocess } from '../parse/preprocess.js';
import {
  ARCHITECTURES,
  ATTACKS,
  DATASET_FORMATS,
  EXTRA_CORRUPTIONS,
  NORMS,
  PROFILES,
  choose,
  chooseList,
  wordsOf,
} from '../parse/vocabulary.js';

/** An option whose default is shown as the user would type it. */
export function optionWithDefault<T>(flags: string, description: string, parse: (text: string) => T, typed: string): Option {
  return new Option(flags, description).argParser(parse).default(parse(typed), typed);
}

/** Options of a checkpoint that does not say itself what it is. */
export function addCheckpointOptions(command: Command): Command {
  return command
    .option('--arch <name>', `architecture of a plain checkpoint: ${Object.keys(ARCHITECTURES).join(', ')}`, architecture)
    .option('--width <n>', 'channels of its first stage (default: the published width)', integer('--width', { min: 1, max: 4096 }))
    .option('--classes <n>', 'its output classes (default: 10)', integer('--classes', { min: 2, max: 100_000 }))
    .option('--input-size <pixels>', 'side of its input (default: 32)', integer('--input-size', { min: 8, max: 512 }))
    .option('--preprocess <how>', 'its normalisation: cifar10, cifar100, imagenet, none or MEAN/STD', parsePreprocess);
}

/** The architecture that a word names. @throws a usage error */
export function architecture(text: string): string {
  return choose(wordsOf(Object.keys(ARCHITECTURES)), text, '--arch');
}

/** `--network`, and what may have to be said about the file. */
export function addNetworkOption(command: Command): Command {
  command.requiredOption('--network <file|name|digest>', 'network artifact, checkpoint file, registered name or SHA-256');
  return addCheckpointOptions(command);
}

/** A parsed `--network` with its checkpoint options. */
export interface NetworkOptions extends CheckpointOptions {
  readonly network: string;
}

/** `--data` and which of its images. */
export function addDataOptions(command: Command, split: string): Command {
  return addDatasetOption(command)
    .option('--split <name>', 'which split', split)
    .option('--offset <n>', 'first image', integer('--offset'), 0)
    .option('--limit <n>', 'how many images (default: all)', integer('--limit', { min: 1 }));
}

/** `--data` alone. */
export function addDatasetOption(command: Command): Command {
  return command
    .requiredOption('--data <folder|name|digest>', 'folder of images, registered name or SHA-256')
    .option(
      '--format <layout>',
      `layout of a folder (default: told by its files): ${Object.keys(DATASET_FORMATS).join(', ')}`,
      datasetFormat,
    )
    .option(
      '--held-out <n>',
      'training images to hold out where a folder has no val split (default: a tenth, at most 5000)',
      integer('--held-out'),
    );
}

/** The layout that a word names. @throws a usage error */
export function datasetFormat(text: string): DatasetFormatName {
  return choose(wordsOf(Object.keys(DATASET_FORMATS) as DatasetFormatName[]), text, '--format');
}

/** A parsed `--data`. */
export interface DataOptions {
  readonly data: string;
  readonly format?: DatasetFormatName;
  readonly heldOut?: number;
}

/** A parsed `--data` with the images of it. */
export interface SelectionOptions extends DataOptions {
  readonly split: string;
  readonly offset: number;
  readonly limit?: number;
}

/** The options that make up an attack. */
export function addAttackOptions(command: Command): Command {
  return command
    .option('--norm <norm>', 'linf, l2 or l1 (default: linf)', (text) => choose(NORMS, text, '--norm'))
    .option('--eps <radius>', 'radius in pixel units, 8/255 or 0.031 (default: 8/255 in linf)', epsilon('--eps'))
    .option('--step <size>', 'step in pixel units (default: a quarter of the radius in linf)', decimal('--step', { above: 0 }))
    .option('--steps <n>', 'gradient steps, or queries of square (default: 10 for pgd)', integer('--steps', { min: 1, max: 100_000 }))
    .option(
      '--restarts <n>',
      'random starts; an image is robust if it survives all (default: 3 for pgd)',
      integer('--restarts', { min: 1, max: 1000 }),
    )
    .option('--targets <n>', 'classes that targeted attacks try (default: 9)', integer('--targets', { min: 1 }));
}

/** Parsed attack options. */
export interface AttackOptions {
  readonly norm?: AttackChoice['norm'];
  readonly eps?: number;
  readonly step?: number;
  readonly steps?: number;
  readonly restarts?: number;
  readonly targets?: number;
  readonly toTheEnd?: boolean;
}

/** The attack that the options choose. */
export function attackChoice(kind: AttackChoice['kind'], options: AttackOptions): AttackChoice {
  const { norm, eps, step, steps, restarts, targets, toTheEnd } = options;
  return {
    kind,
    ...(norm === undefined ? {} : { norm }),
    ...(eps === undefined ? {} : { epsilon: eps }),
    ...(step === undefined ? {} : { stepSize: step }),
    ...(steps === undefined ? {} : { steps }),
    ...(restarts === undefined ? {} : { restarts }),
    ...(targets === undefined ? {} : { targets }),
    ...(toTheEnd === undefined ? {} : { toTheEnd }),
  };
}

/** Parser of one attack's name. */
export function attackKind(text: string): AttackChoice['kind'] {
  return choose(ATTACKS, text, '--attack');
}

/** Parser of a profile's name. */
export function profile(text: string) {
  return choose(PROFILES, text, '--profile');
}

/** Parser of names of corruptions: a list, or `standard` for the fifteen, `all` for all nineteen, `none`. */
export function corruptionList(text: string): string[] {
  const all = [...STANDARD_CORRUPTIONS, ...EXTRA_CORRUPTIONS];
  if (text === 'standard') return [...STANDARD_CORRUPTIONS];
  if (text === 'all') return all;
  if (text === 'none') return [];
  return chooseList(wordsOf(all), text, '--corruptions');
}

/** Parser of severities: `1,3,5`. */
export function severityList(text: string): number[] {
  const parse = integer('--severities', { min: 1, max: 5 });
  return [...new Set(text.split(',').map((part) => parse(part.trim())))].sort();
}

/** Options that every command with a run takes. */
export function addRunOptions(command: Command): Command {
  return command
    .option('--name <text>', 'name of the run, for people')
    .option('--no-cache', 'compute again what is known from earlier runs');
}

/** Parsed run options. */
export interface RunOptions {
  readonly name?: string;
  readonly cache: boolean;
}

/** Gates: the command fails with exit code 6 when an accuracy is below. */
export function addGates(command: Command): Command {
  return command
    .option('--min-standard <share>', 'exit code 6 when standard accuracy is below, 0.80', fraction('--min-standard'))
    .option('--min-robust <share>', 'exit code 6 when adversarial accuracy is below, 0.45', fraction('--min-robust'));
}

/** Parser of positions on the line. */
export const alphas = alphasParser('--alphas');
