import type { RiftClient } from '@rift/client';
import type { Profile } from '@rift/contracts';
import { Argument, type Command } from 'commander';
import { join } from 'node:path';

import { StudyIncomplete, usageError } from '../errors.js';
import { resolveDataset, type ResolvedDataset } from '../inputs/datasets.js';
import { resolveNetwork } from '../inputs/networks.js';
import { checkDataArgument, checkNetworkArgument } from '../inputs/preflight.js';
import { PRECISIONS, choose, wordFor, wordsOf } from '../parse/vocabulary.js';
import { integer } from '../parse/numbers.js';
import { OUTPUT_FOLDER } from '../results/save-network.js';
import { endpointOf, withClient, type Session } from '../session.js';
import { STUDIES, cellsOf, combinationsOf, type Combination, type StudyDataset, type StudyName } from '../study/cells.js';
import { studyDocument, type StudySetup } from '../study/document.js';
import { writeStudy, type StudyFiles } from '../study/files.js';
import { performStudy } from '../study/perform-study.js';
import { SIZES, type SizeName } from '../study/sizes.js';
import { version } from '../version.js';
import { example, type StartSession } from './context.js';
import { addMethodOptions, methodEdits, methodFlags, type MethodOptions } from './method-options.js';
import { optionWithDefault, profile } from './options.js';

interface Options extends MethodOptions {
  readonly cifar10?: string;
  readonly cifar100?: string;
  readonly tinyImagenet?: string;
  readonly network: readonly string[];
  readonly scale: SizeName;
  readonly seeds?: number;
  readonly profile: Profile;
  readonly rows?: readonly string[];
  readonly cache: boolean;
  readonly output?: string;
}

/** Adds `rift study`. */
export function registerStudy(program: Command, start: StartSession): void {
  const command = program.command('study').description('repeat a table or figure of the paper and write it beside the published numbers');
  const study = new Argument('<study>', STUDIES.join(', ')).argParser((text: string) => choose(wordsOf(STUDIES), text, 'study'));
  command
    .addArgument(study)
    .option('--cifar10 <folder|name>', 'CIFAR-10')
    .option('--cifar100 <folder|name>', 'CIFAR-100')
    .option('--tiny-imagenet <folder|name>', 'Tiny-ImageNet')
    .option(
      '--network <[arch/data=]file>',
      'take this network instead of training one; may be said for several, resnet34/cifar10=net.safetensors',
      (text: string, before: readonly string[]) => [...before, text],
      [],
    )
    .addOption(
      optionWithDefault(
        '--scale <size>',
        `${Object.keys(SIZES).join(', ')}`,
        (text) => choose(wordsOf(sizeNames()), text, '--scale'),
        'small',
      ),
    )
    .option('--seeds <n>', "seeds, from 0 on (default: the scale's)", integer('--seeds', { min: 1, max: 100 }))
    .addOption(optionWithDefault('--profile <name>', 'paper, code or sound', profile, 'paper'))
    .option('--rows <names>', 'only these rows of the table, separated by commas', (text) => text.split(',').map((name) => name.trim()))
    .option('--no-cache', 'compute again what is known from earlier runs')
    .option('-o, --output <folder>', 'where data, table and pictures go (default: rift-output/studies)');
  addMethodOptions(command);
  command.addHelpText(
    'after',
    example(
      'rift study table3 --cifar10 samples/cifar10 --network samples/resnet18-w16.safetensors',
      'rift study table1 --cifar10 cifar-10-batches-bin --cifar100 cifar-100-binary --scale paper --endpoint gpu:50051',
    ),
  );
  command.action(async (name: StudyName, options: Options, self: Command) => runStudy(start(self), name, options));
}

function sizeNames(): SizeName[] {
  return Object.keys(SIZES) as SizeName[];
}

async function runStudy(session: Session, study: StudyName, options: Options): Promise<void> {
  const paths = datasetPaths(options);
  const networks = networkArguments(options.network);
  const { kept, leftOut } = chosenRows(study, options, paths);
  methodEdits(options);
  for (const path of Object.values(paths)) await checkDataArgument(path, {});
  for (const path of Object.values(networks)) await checkNetworkArgument(path, '--network', {});
  const size = SIZES[options.scale];
  const setup: StudySetup = {
    study,
    scale: options.scale,
    size,
    profile: options.profile,
    seeds: options.seeds ?? size.seeds,
    datasets: paths,
    networks,
    device: session.options.device,
    precision: wordFor(PRECISIONS, session.options.precision),
    endpoint: endpointOf(session) ?? null,
    command: commandOf(study, options),
    version: version(),
  };
  const folder = options.output ?? join(OUTPUT_FOLDER, 'studies');
  await withClient(session, async (client) => {
    const datasets = await resolveAll(session, client, paths, kept);
    const given = await networksOf(session, client, networks);
    let files: StudyFiles | undefined;
    const results = await performStudy(session, client, cellsOf(kept, setup.seeds), {
      study,
      version: setup.version,
      noCache: !options.cache,
      inputsOf: (cell) => ({
        size,
        profile: options.profile,
        dataset: required(datasets[cell.dataset], cell.dataset),
        network: given[`${cell.network}/${cell.dataset}`],
        edits: methodEdits(options),
        withOod: study.startsWith('table'),
      }),
      onCell: async (cells) => {
        files = await writeStudy(folder, studyDocument(setup, cells, leftOut, new Date()));
      },
    });
    const document = studyDocument(setup, results, leftOut, new Date());
    session.output.result({ ...document, files }, () => `${files?.text ?? ''}\n${files?.data ?? ''}`);
    const failed = results.filter(({ state }) => state === 'failed').length;
    if (failed > 0) throw new StudyIncomplete(failed, results.length);
  });
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw usageError(`The study reads ${what}, which was not given.`);
  return value;
}

function datasetPaths({ cifar10, cifar100, tinyImagenet }: Options): Partial<Record<StudyDataset, string>> {
  return {
    ...(cifar10 === undefined ? {} : { cifar10 }),
    ...(cifar100 === undefined ? {} : { cifar100 }),
    ...(tinyImagenet === undefined ? {} : { 'tiny-imagenet': tinyImagenet }),
  };
}

/** Networks by "architecture/dataset"; a file alone is ResNet-18 on CIFAR-10, the paper's case of every ablation. */
function networkArguments(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const found = /^([a-z0-9-]+\/[a-z0-9-]+)=(.+)$/.exec(text);
      return found ? [found[1] ?? '', found[2] ?? ''] : ['resnet18/cifar10', text];
    }),
  );
}

function chosenRows(
  study: StudyName,
  { rows, profile: chosen }: Options,
  paths: Partial<Record<StudyDataset, string>>,
): { kept: Combination[]; leftOut: string[] } {
  const all = combinationsOf(study, chosen);
  const names = [...new Set(all.map(({ row }) => row))];
  for (const row of rows ?? []) choose(wordsOf(names), row, '--rows');
  const kept = all.filter(({ dataset, row }) => paths[dataset] !== undefined && (rows === undefined || rows.includes(row)));
  if (kept.length === 0) {
    const datasets = [...new Set(all.map(({ dataset }) => `--${dataset}`))];
    throw usageError(`${study} reads ${datasets.join(', ')}: say where at least one of them is.`);
  }
  const leftOut = all
    .filter((one) => !kept.includes(one))
    .map(({ dataset, title }) => `${dataset}, ${title}: ${paths[dataset] === undefined ? 'the data set was not given' : 'not asked for'}`);
  return { kept, leftOut };
}

async function resolveAll(
  session: Session,
  client: RiftClient,
  paths: Partial<Record<StudyDataset, string>>,
  kept: readonly Combination[],
): Promise<Partial<Record<StudyDataset, ResolvedDataset>>> {
  const resolved: Partial<Record<StudyDataset, ResolvedDataset>> = {};
  for (const dataset of new Set(kept.map((one) => one.dataset))) {
    const path = paths[dataset];
    if (path === undefined) continue;
    resolved[dataset] = await resolveDataset(client, path, {}, 0, {
      signal: session.interrupts.signal,
      note: (text) => session.output.note(text),
    });
  }
  return resolved;
}

async function networksOf(session: Session, client: RiftClient, given: Record<string, string>): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const [key, path] of Object.entries(given)) {
    digests[key] = (await resolveNetwork(client, path, '--network', {}, session.interrupts.signal)).digest;
  }
  return digests;
}

/** The command that repeats the study. */
function commandOf(study: StudyName, options: Options): string {
  const parts = ['rift', 'study', study];
  for (const [dataset, path] of Object.entries(datasetPaths(options))) parts.push(`--${dataset}`, path);
  for (const network of options.network) parts.push('--network', network);
  parts.push('--scale', options.scale);
  if (options.seeds !== undefined) parts.push('--seeds', String(options.seeds));
  parts.push('--profile', options.profile.replace('PROFILE_', '').toLowerCase());
  if (options.rows !== undefined) parts.push('--rows', options.rows.join(','));
  parts.push(...methodFlags(options));
  return parts.join(' ');
}
