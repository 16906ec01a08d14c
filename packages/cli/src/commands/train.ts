import type { TrainMethod } from '@rift/contracts';
import type { Command } from 'commander';

import { usageError } from '../errors.js';
import { selectImages, selectionOf } from '../inputs/datasets.js';
import { checkDataArgument, checkNetworkArgument } from '../inputs/preflight.js';
import { decimal, epsilon, fraction, integer } from '../parse/numbers.js';
import { ARCHITECTURES, METHODS, choose, wordsOf } from '../parse/vocabulary.js';
import { completeTraining, type TrainChoice } from '../plan/recipes.js';
import { trainPlan } from '../plan/stages.js';
import { saveNetwork } from '../results/save-network.js';
import { epochDocuments, epochsText } from '../results/training.js';
import { performRun, resultOf } from '../runs/perform.js';
import { withClient, type Session } from '../session.js';
import { datasetOf, example, networkOf, type StartSession } from './context.js';
import { addDatasetOption, addRunOptions, architecture, optionWithDefault, type DataOptions, type RunOptions } from './options.js';

const TRAIN_PREPROCESS = ['cifar10', 'cifar100', 'imagenet', 'none'] as const;

interface Options extends DataOptions, RunOptions {
  readonly arch?: string;
  readonly width?: number;
  readonly initial?: string;
  readonly method: TrainMethod;
  readonly preprocess: string;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly lr?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly beta?: number;
  readonly eps?: number;
  readonly step?: number;
  readonly steps?: number;
  readonly ema?: number;
  readonly labelSmoothing?: number;
  readonly patience?: number;
  readonly limit?: number;
  readonly selectionSplit: string;
  readonly selectionLimit?: number;
  readonly output?: string;
}

/** Adds `rift train`. */
export function registerTrain(program: Command, start: StartSession): void {
  const command = program.command('train').description('train a network adversarially; a broken-off run goes on with "rift resume"');
  addDatasetOption(command)
    .option(
      '--arch <name>',
      `network to build: ${Object.keys(ARCHITECTURES)
        .filter((name) => name !== 'torchscript')
        .join(', ')}`,
      architecture,
    )
    .option('--width <n>', 'channels of its first stage (default: the published width)', integer('--width', { min: 1, max: 4096 }))
    .option('--initial <file|name|digest>', 'network to go on from, instead of --arch')
    .addOption(optionWithDefault('--method <name>', Object.keys(METHODS).join(', '), (text) => choose(METHODS, text, '--method'), 'pgd'))
    .option(
      '--preprocess <name>',
      TRAIN_PREPROCESS.join(', '),
      (text) => choose(wordsOf(TRAIN_PREPROCESS), text, '--preprocess'),
      'cifar10',
    )
    .option('--epochs <n>', "epochs (default: the method's)", integer('--epochs', { min: 1, max: 10_000 }))
    .option('--batch-size <n>', 'images per step (default: 128)', integer('--batch-size', { min: 1 }))
    .option('--lr <rate>', "learning rate (default: the method's)", decimal('--lr', { above: 0 }))
    .option('--momentum <share>', 'momentum (default: 0.9)', decimal('--momentum', { min: 0, max: 1 }))
    .option('--weight-decay <rate>', "weight decay (default: the method's)", decimal('--weight-decay', { min: 0 }))
    .option('--beta <weight>', 'weight of the second loss term', decimal('--beta', { min: 0 }))
    .option('--eps <radius>', 'radius of the training attack (default: 8/255)', epsilon('--eps'))
    .option('--step <size>', 'its step (default: a quarter of the radius)', decimal('--step', { above: 0 }))
    .option('--steps <n>', 'its steps (default: 10)', integer('--steps', { min: 1, max: 1000 }))
    .option('--ema <decay>', 'moving average of the weights, 0.995', fraction('--ema'))
    .option('--label-smoothing <share>', 'share of the target spread over the other classes', fraction('--label-smoothing'))
    .option('--patience <n>', 'end after so many epochs without improvement', integer('--patience', { min: 0 }))
    .option('--limit <n>', 'training images (default: all)', integer('--limit', { min: 1 }))
    .option('--selection-split <name>', 'held-out images that choose the epoch', 'val')
    .option('--selection-limit <n>', 'how many of them (default: all)', integer('--selection-limit', { min: 1 }))
    .option('-o, --output <file>', 'where the network goes (default: rift-output/RUN/network.safetensors)');
  addRunOptions(command);
  command.addHelpText(
    'after',
    example('rift train --arch resnet18 --width 16 --method trades --data cifar10 --epochs 30 -o robust.safetensors'),
  );
  command.action(async (options: Options, self: Command) => runTrain(start(self), options));
}

type Overrides = Omit<TrainChoice, 'method' | 'arch' | 'width' | 'preprocess' | 'classes' | 'seed' | 'hasSelection'>;

/** What the options say, under the names of the recipe; what they leave open stays out. */
function overrides(options: Options): Overrides {
  const all = {
    epochs: options.epochs,
    batchSize: options.batchSize,
    learningRate: options.lr,
    momentum: options.momentum,
    weightDecay: options.weightDecay,
    beta: options.beta,
    epsilon: options.eps,
    stepSize: options.step,
    steps: options.steps,
    emaDecay: options.ema,
    labelSmoothing: options.labelSmoothing,
    patience: options.patience,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

async function runTrain(session: Session, options: Options): Promise<void> {
  if ((options.arch === undefined) === (options.initial === undefined)) {
    throw usageError('Say what to train: either --arch NAME for a new network or --initial NETWORK to go on from one.');
  }
  if (options.arch === 'torchscript')
    throw usageError('--arch torchscript cannot be trained: its weights are part of a program. Choose a built-in architecture.');
  if (options.initial !== undefined) await checkNetworkArgument(options.initial, '--initial', {});
  await checkDataArgument(options.data, options);
  await withClient(session, async (client) => {
    const initial = options.initial === undefined ? undefined : await networkOf(session, client, options.initial, {}, '--initial');
    const dataset = await datasetOf(session, client, options);
    const train = selectImages(dataset, { split: 'train', ...(options.limit === undefined ? {} : { limit: options.limit }) });
    const selection = selectionOf(dataset, options, (text) => session.output.note(text));
    const arch = initial?.arch ?? options.arch ?? '';
    const spec = completeTraining({
      method: options.method,
      arch,
      width: initial?.width ?? options.width ?? ARCHITECTURES[arch as keyof typeof ARCHITECTURES],
      preprocess: initial?.preprocess?.name ?? options.preprocess,
      classes: dataset.info.classes.length,
      seed: session.options.seed,
      hasSelection: selection !== null,
      ...overrides(options),
    });
    const plan = trainPlan(train, selection, spec, initial?.digest);
    const settings = { network: initial?.digest ?? '', dataset: dataset.reference, noCache: !options.cache };
    const run = await performRun(session, client, { name: options.name ?? 'train', settings, plan });
    const result = resultOf(run, 'train', 'train');
    const path = await saveNetwork(session, client, { runId: run.id, digest: result.digest, output: options.output });
    const epochs = epochDocuments(result.epochs);
    const document = { runId: run.id, epochs, chosenEpoch: result.chosenEpoch, network: path, digest: result.digest };
    session.output.result(document, (columns) => `${epochsText(epochs, result.chosenEpoch, columns)}\n\nnetwork  ${path}`);
  });
}
