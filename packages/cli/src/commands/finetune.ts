import type { FineTuneSpec, Profile } from '@rift/contracts';
import type { Command } from 'commander';

import { usageError } from '../errors.js';
import { selectImages, selectionOf } from '../inputs/datasets.js';
import { checkModule } from '../inputs/networks.js';
import { checkDataArgument, checkNetworkArgument } from '../inputs/preflight.js';
import { learningRates } from '../parse/modules.js';
import { decimal, integer } from '../parse/numbers.js';
import { BATCH_NORM_MODES, SCOPES, choose } from '../parse/vocabulary.js';
import { requireChoices } from '../plan/profile-choices.js';
import { fineTunePlan } from '../plan/stages.js';
import { saveNetwork } from '../results/save-network.js';
import { epochDocuments, epochsText, sweepText } from '../results/training.js';
import { performRun, resultOf } from '../runs/perform.js';
import { withClient, type Session } from '../session.js';
import { datasetOf, example, networkOf, type StartSession } from './context.js';
import {
  addDatasetOption,
  addNetworkOption,
  addRunOptions,
  optionWithDefault,
  profile,
  type DataOptions,
  type NetworkOptions,
  type RunOptions,
} from './options.js';

interface Options extends NetworkOptions, DataOptions, RunOptions {
  readonly module?: readonly string[];
  readonly scope: FineTuneSpec['scope'];
  readonly profile: Profile;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly lr?: number;
  readonly sweepLr?: readonly number[];
  readonly sweepEpochs: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly batchNorm?: FineTuneSpec['batchNorm'];
  readonly trustRegion?: number;
  readonly limit?: number;
  readonly selectionSplit: string;
  readonly selectionLimit?: number;
  readonly output?: string;
}

/** Adds `rift finetune`. */
export function registerFinetune(program: Command, start: StartSession): void {
  const command = program.command('finetune').description('fine-tune chosen modules on clean images (second step of the method)');
  addDatasetOption(addNetworkOption(command))
    .option('--module <names>', 'modules whose weights move, separated by commas', (text) => text.split(',').map((name) => name.trim()))
    .addOption(optionWithDefault('--scope <what>', 'modules, all or last', (text) => choose(SCOPES, text, '--scope'), 'modules'))
    .addOption(optionWithDefault('--profile <name>', 'whose settings hold where nothing else is said', profile, 'sound'))
    .option('--epochs <n>', 'epochs', integer('--epochs', { min: 1, max: 10_000 }))
    .option('--batch-size <n>', 'images per step', integer('--batch-size', { min: 1 }))
    .option('--lr <rate>', 'learning rate', decimal('--lr', { above: 0 }))
    .option('--sweep-lr <rates>', 'learning rates to try on the held-out images first, 0.0003,0.001,0.003', learningRates)
    .option('--sweep-epochs <n>', 'epochs at each of them', integer('--sweep-epochs', { min: 1, max: 100 }), 1)
    .option('--momentum <share>', 'momentum', decimal('--momentum', { min: 0, max: 1 }))
    .option('--weight-decay <rate>', 'weight decay', decimal('--weight-decay', { min: 0 }))
    .option('--batch-norm <mode>', 'track, freeze or reestimate', (text) => choose(BATCH_NORM_MODES, text, '--batch-norm'))
    .option('--trust-region <share>', 'largest change of a weight relative to its norm', decimal('--trust-region', { min: 0 }))
    .option('--limit <n>', 'training images (default: all)', integer('--limit', { min: 1 }))
    .option('--selection-split <name>', 'held-out images that choose the epoch', 'val')
    .option('--selection-limit <n>', 'how many of them (default: all)', integer('--selection-limit', { min: 1 }))
    .option('-o, --output <file>', 'where the network goes (default: rift-output/RUN/network.safetensors)');
  addRunOptions(command);
  command.addHelpText(
    'after',
    example('rift finetune --network net.safetensors --module layer2.1.conv2 --data cifar10 --epochs 10 --lr 0.001 -o tuned.safetensors'),
  );
  command.action(async (options: Options, self: Command) => runFinetune(start(self), options));
}

function specOf(options: Options, seed: number, hasSelection: boolean): FineTuneSpec {
  const base = requireChoices(options.profile).fineTune;
  const epochs = options.epochs ?? base.epochs;
  const { optimizer } = base;
  if (optimizer === null) throw usageError('The profile lacks an optimizer.');
  const milestones = optimizer.milestones.map((epoch) => Math.round((epoch / base.epochs) * epochs));
  return {
    ...base,
    scope: options.scope,
    modules: [...(options.module ?? [])],
    epochs,
    batchSize: options.batchSize ?? base.batchSize,
    optimizer: {
      ...optimizer,
      learningRate: options.lr ?? optimizer.learningRate,
      momentum: options.momentum ?? optimizer.momentum,
      weightDecay: options.weightDecay ?? optimizer.weightDecay,
      milestones: milestones.filter((epoch) => epoch > 0 && epoch < epochs),
    },
    batchNorm: options.batchNorm ?? base.batchNorm,
    trustRegion: options.trustRegion ?? base.trustRegion,
    keepBest: base.keepBest && hasSelection,
    seed,
  };
}

async function runFinetune(session: Session, options: Options): Promise<void> {
  const isNamed = options.scope === 'FINE_TUNE_SCOPE_MODULES';
  if (isNamed && options.module === undefined)
    throw usageError('Say what to fine-tune: --module NAME (see "rift inspect"), or --scope all or last.');
  if (options.lr !== undefined && options.sweepLr !== undefined) {
    throw usageError('--lr and --sweep-lr exclude each other: the sweep finds the rate.');
  }
  if (!isNamed && options.module !== undefined) throw usageError('--module and --scope all or last exclude each other.');
  await checkNetworkArgument(options.network, '--network', options);
  await checkDataArgument(options.data, options);
  await withClient(session, async (client) => {
    const network = await networkOf(session, client, options.network, options);
    for (const module of options.module ?? []) checkModule(module, network);
    const dataset = await datasetOf(session, client, options);
    const train = selectImages(dataset, { split: 'train', ...(options.limit === undefined ? {} : { limit: options.limit }) });
    const selection = selectionOf(dataset, options, (text) => session.output.note(text));
    const spec = specOf(options, session.options.seed, selection !== null);
    const sweep = options.sweepLr === undefined ? null : { rates: [...options.sweepLr], epochs: options.sweepEpochs };
    const plan = fineTunePlan(train, selection, spec, sweep);
    const settings = { network: network.digest, dataset: dataset.reference, noCache: !options.cache };
    const run = await performRun(session, client, { name: options.name ?? 'finetune', settings, plan });
    const result = resultOf(run, 'fine-tune', 'fineTune');
    const path = await saveNetwork(session, client, { runId: run.id, digest: result.digest, output: options.output });
    const epochs = epochDocuments(result.epochs);
    const document = {
      runId: run.id,
      module: Object.keys(result.relativeChange).sort().join(','),
      epochs,
      chosenEpoch: result.chosenEpoch,
      relativeChange: result.relativeChange,
      sweep: result.sweep,
      network: path,
      digest: result.digest,
    };
    session.output.result(
      document,
      (columns) => `${sweepText(result.sweep, columns)}${epochsText(epochs, result.chosenEpoch, columns)}\n\nnetwork  ${path}`,
    );
  });
}
