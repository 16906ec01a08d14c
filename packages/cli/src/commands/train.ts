import type { Command } from 'commander';

import { usageError } from '../errors.js';
import { selectImages, selectionOf } from '../inputs/datasets.js';
import { checkDataArgument, checkNetworkArgument } from '../inputs/preflight.js';
import { integer } from '../parse/numbers.js';
import { ARCHITECTURES, PREPROCESS } from '../parse/vocabulary.js';
import { completeTraining } from '../plan/recipes.js';
import { trainPlan } from '../plan/stages.js';
import { saveNetwork } from '../results/save-network.js';
import { epochDocuments, epochsText } from '../results/training.js';
import { performRun, resultOf } from '../runs/perform.js';
import { withClient, type Session } from '../session.js';
import { datasetOf, example, networkOf, type StartSession } from './context.js';
import { addDatasetOption, addRunOptions, architecture, type DataOptions, type RunOptions } from './options.js';
import { addTrainOptions, overrides, presetOf, type TrainOptions } from './train-options.js';

interface Options extends DataOptions, RunOptions, TrainOptions {
  readonly arch?: string;
  readonly width?: number;
  readonly initial?: string;
  readonly limit?: number;
  readonly selectionSplit: string;
  readonly selectionLimit?: number;
  readonly extraSplit: string;
  readonly output?: string;
}

/** Adds `rift train`. */
export function registerTrain(program: Command, start: StartSession): void {
  const command = program.command('train').description('train a network adversarially; a broken-off run goes on with "rift resume"');
  addDatasetOption(command)
    .option(
      '--arch <name>',
      `network to build (default: the preset's): ${Object.keys(ARCHITECTURES)
        .filter((name) => name !== 'torchscript')
        .join(', ')}`,
      architecture,
    )
    .option('--width <n>', 'channels of its first stage (default: the published width)', integer('--width', { min: 1, max: 4096 }))
    .option('--initial <file|name|digest>', 'network to go on from, instead of --arch');
  addTrainOptions(command)
    .option('--limit <n>', 'training images (default: all)', integer('--limit', { min: 1 }))
    .option('--selection-split <name>', 'held-out images that choose the epoch', 'val')
    .option('--selection-limit <n>', 'how many of them (default: all)', integer('--selection-limit', { min: 1 }))
    .option('--extra-split <name>', 'generated images, of which --extra-fraction says how many', 'extra')
    .option('-o, --output <file>', 'where the network goes (default: rift-output/RUN/network.safetensors)');
  addRunOptions(command);
  command.addHelpText(
    'after',
    example(
      'rift train --arch resnet18 --width 16 --method trades --data cifar10 --epochs 30 -o robust.safetensors',
      'rift train --preset mart --data cifar10',
    ),
  );
  command.action(async (options: Options, self: Command) => runTrain(start(self), options));
}

async function runTrain(session: Session, options: Options): Promise<void> {
  const isNamed = options.arch !== undefined || options.preset !== undefined;
  if (options.initial === undefined ? !isNamed : options.arch !== undefined) {
    throw usageError('Say what to train: either --arch NAME (or --preset NAME) for a new network or --initial NETWORK to go on from one.');
  }
  if (options.arch === 'torchscript')
    throw usageError('--arch torchscript cannot be trained from nothing: import the program and name it with --initial.');
  const preset = presetOf(options);
  if (options.initial !== undefined) await checkNetworkArgument(options.initial, '--initial', {});
  await checkDataArgument(options.data, options);
  await withClient(session, async (client) => {
    const initial = options.initial === undefined ? undefined : await networkOf(session, client, options.initial, {}, '--initial');
    const dataset = await datasetOf(session, client, options);
    const train = selectImages(dataset, { split: 'train', ...(options.limit === undefined ? {} : { limit: options.limit }) });
    const selection = selectionOf(dataset, options, (text) => session.output.note(text));
    const arch = initial?.arch ?? options.arch;
    const published = arch === undefined ? undefined : ARCHITECTURES[arch as keyof typeof ARCHITECTURES];
    const width = initial?.width ?? options.width ?? published;
    const spec = completeTraining(preset, {
      ...overrides(options),
      ...(arch === undefined ? {} : { arch }),
      ...(width === undefined ? {} : { width }),
      ...(initial?.preprocess?.name === undefined ? {} : { preprocess: nameOf(initial.preprocess.name) }),
      seed: session.options.seed,
      hasSelection: selection !== null,
    });
    const extra = spec.extraFraction > 0 ? selectImages(dataset, { split: options.extraSplit }, '--extra-') : null;
    const plan = trainPlan({ train, selection, extra, initial: initial?.digest }, spec);
    const settings = { network: initial?.digest ?? '', dataset: dataset.reference, noCache: !options.cache };
    const run = await performRun(session, client, { name: options.name ?? 'train', settings, plan });
    const result = resultOf(run, 'train', 'train');
    const path = await saveNetwork(session, client, { runId: run.id, digest: result.digest, output: options.output });
    const epochs = epochDocuments(result.epochs);
    const { chosenEpoch, ended, digest } = result;
    const document = { runId: run.id, preset: preset.name, epochs, chosenEpoch, ended, network: path, digest };
    session.output.result(document, (columns) => {
      const why = ended === '' ? '' : `\nended    ${ended}`;
      return `${epochsText(epochs, chosenEpoch, columns)}\n${why}\nnetwork  ${path}`;
    });
  });
}

/** A network's own normalisation may be any; the settings, which are not read then, know the named ones. */
function nameOf(preprocess: string): string {
  return PREPROCESS.find((name) => name === preprocess) ?? 'none';
}
