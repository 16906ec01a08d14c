import type { RiftClient } from '@rift/client';
import type { CriticalitySpec, Profile } from '@rift/contracts';
import type { ProfileChoices } from '@rift/orchestrator/profiles';
import type { Command } from 'commander';
import { basename } from 'node:path';

import { invalidInput, usageError } from '../errors.js';
import { artifactKind, isDigest } from '../inputs/files.js';
import { selectImages } from '../inputs/datasets.js';
import { checkModule } from '../inputs/networks.js';
import { checkDataArgument, checkFile, checkNetworkArgument } from '../inputs/preflight.js';
import { moduleGroups, moduleNames } from '../parse/modules.js';
import { decimal, fraction, integer } from '../parse/numbers.js';
import { GROUPINGS, NORMS, choose } from '../parse/vocabulary.js';
import { requireChoices } from '../plan/profile-choices.js';
import { criticalityPlan, type AdversarialSource } from '../plan/stages.js';
import { criticalityDocument, criticalityText } from '../results/criticality.js';
import { performRun, resultOf, stageOf } from '../runs/perform.js';
import { withClient, type Session } from '../session.js';
import { datasetOf, example, networkOf, type StartSession } from './context.js';
import {
  addNetworkOption,
  addRunOptions,
  datasetFormat,
  optionWithDefault,
  profile,
  type NetworkOptions,
  type RunOptions,
  type SelectionOptions,
} from './options.js';

interface Options extends NetworkOptions, Partial<SelectionOptions>, RunOptions {
  readonly profile: Profile;
  readonly modules?: readonly string[];
  readonly adversarial?: string;
  readonly grouping?: CriticalitySpec['grouping'];
  readonly groups?: CriticalitySpec['groups'];
  readonly weightNorm?: CriticalitySpec['weightNorm'];
  readonly seeds?: number;
  readonly prune?: number;
  readonly estimate?: boolean;
  readonly greedy?: number;
  readonly weightEps?: number;
  readonly epochs?: number;
  readonly starts?: number;
}

/** Adds `rift criticality`. */
export function registerCriticality(program: Command, start: StartSession): void {
  const command = program.command('criticality').alias('mrc').description('measure module robust criticality (MRC) of every module');
  addNetworkOption(command)
    .option('--data <folder|name|digest>', 'images to craft the adversarial set from; not needed with --adversarial')
    .option('--format <layout>', 'layout of a folder (default: told by its files)', datasetFormat)
    .option('--held-out <n>', 'training images to hold out where a folder has no val split', integer('--held-out'))
    .option('--split <name>', "which split (default: the profile's)")
    .option('--offset <n>', 'first image', integer('--offset'), 0)
    .option('--limit <n>', 'how many images (default: all)', integer('--limit', { min: 1 }))
    .addOption(optionWithDefault('--profile <name>', 'paper, code or sound', profile, 'sound'))
    .option('--modules <names>', 'only these modules, separated by commas', moduleNames)
    .option('--groups <list>', 'joint criticality of groups of modules: early=conv1+layer1.0.conv1,head=linear', moduleGroups)
    .option('--adversarial <set>', 'a ready set: .npz with adv (float32 N×3×H×W in [0, 1]) and y, .safetensors, or SHA-256')
    .option('--grouping <what>', 'layer or block', (text) => choose(GROUPINGS, text, '--grouping'))
    .option('--weight-norm <norm>', 'norm of the weight ball: l2, linf or l1 (default: l2)', (text) => choose(NORMS, text, '--weight-norm'))
    .option('--seeds <n>', 'seeds that measure, for rank stability (default: 1)', integer('--seeds', { min: 1, max: 20 }))
    .option('--prune <share>', 'measure only this share of the modules, those of lowest first-order estimate', fraction('--prune'))
    .option('--estimate', 'only the first-order estimates, from one backward pass; no criticality')
    .option('--greedy <n>', 'grow a set of so many modules by their joint criticality', integer('--greedy', { min: 2, max: 20 }))
    .option('--weight-eps <share>', 'radius of the weight ball relative to the weight (default: 0.1)', decimal('--weight-eps', { min: 0 }))
    .option('--epochs <n>', 'epochs, or full-gradient steps (default: 10)', integer('--epochs', { min: 1, max: 1000 }))
    .option(
      '--starts <n>',
      'starts of the profile sound that are climbed on all images (default: 1)',
      integer('--starts', { min: 1, max: 100 }),
    );
  addRunOptions(command);
  command.addHelpText(
    'after',
    example('rift criticality --network net.safetensors --data cifar10 --split val --limit 1000 --profile sound'),
  );
  command.action(async (options: Options, self: Command) => runCriticality(start(self), options));
}

function specOf(options: Options, choices: ProfileChoices, seed: number): CriticalitySpec {
  return {
    ...choices.criticality,
    seed,
    modules: [...(options.modules ?? [])],
    weightEpsilon: options.weightEps ?? choices.criticality.weightEpsilon,
    epochs: options.epochs ?? choices.criticality.epochs,
    starts: options.starts ?? choices.criticality.starts,
    weightNorm: options.weightNorm ?? choices.criticality.weightNorm,
    grouping: options.groups === undefined ? (options.grouping ?? choices.criticality.grouping) : 'MODULE_GROUPING_NAMED',
    groups: [...(options.groups ?? [])],
    estimateOnly: options.estimate ?? false,
  };
}

async function checkArguments(options: Options): Promise<void> {
  await checkNetworkArgument(options.network, '--network', options);
  if (options.groups !== undefined && (options.modules ?? options.grouping) !== undefined) {
    throw usageError('--groups says what is perturbed together; --modules and --grouping exclude it.');
  }
  if (options.adversarial === undefined) {
    if (options.data === undefined) throw usageError('Say what to measure on: --data, or --adversarial with a ready set.');
    await checkDataArgument(options.data, options);
    return;
  }
  if (options.split !== undefined || options.limit !== undefined) {
    throw usageError('--split and --limit choose images to craft from; with --adversarial the set is used as it is.');
  }
  if (!isDigest(options.adversarial)) await checkFile(options.adversarial, '--adversarial');
}

async function runCriticality(session: Session, options: Options): Promise<void> {
  await checkArguments(options);
  const choices = requireChoices(options.profile);
  const { seed } = session.options;
  await withClient(session, async (client) => {
    const network = await networkOf(session, client, options.network, options);
    const grouped = (options.groups ?? []).flatMap(({ modules }) => modules);
    for (const module of options.grouping === 'MODULE_GROUPING_BLOCK' ? [] : [...(options.modules ?? []), ...grouped]) {
      checkModule(module, network);
    }
    const dataset = options.data === undefined ? undefined : await datasetOf(session, client, { ...options, data: options.data });
    let source: AdversarialSource;
    if (options.adversarial !== undefined) source = { kind: 'set', digest: await adversarialDigest(session, client, options.adversarial) };
    else if (dataset === undefined) throw usageError('Say what to measure on: --data, or --adversarial with a ready set.');
    else {
      const data = selectImages(dataset, { ...options, split: options.split ?? choices.craftSplit });
      source = { kind: 'craft', data, attack: choices.craft, seed };
    }
    const greedy = options.greedy === undefined ? null : { modules: options.greedy, candidates: 0 };
    const measurement = { seeds: options.seeds ?? 1, measuredShare: options.prune ?? 0, greedy };
    const plan = criticalityPlan(source, specOf(options, choices, seed), measurement);
    const settings = { network: network.digest, dataset: dataset?.reference ?? '', noCache: !options.cache };
    const run = await performRun(session, client, { name: options.name ?? 'criticality', settings, plan });
    const document = criticalityDocument(resultOf(run, 'criticality', 'criticality'));
    const { cached, seconds } = stageOf(run, 'criticality');
    session.output.result({ runId: run.id, network: network.digest, ...document, cached, seconds }, () => criticalityText(document));
  });
}

/** The digest of the set, which is uploaded first when it is a file. */
async function adversarialDigest(session: Session, client: RiftClient, given: string): Promise<string> {
  if (isDigest(given)) return given;
  const { signal } = session.interrupts;
  const kind = await artifactKind(given);
  if (kind !== undefined && kind !== 'adversarial-set') {
    throw invalidInput('--adversarial', given, `must be an adversarial set, and this file is of the kind ${kind}`);
  }
  const { digest } = await client.artifacts.uploadFile(given, { signal });
  if (kind === 'adversarial-set') return digest;
  return (await client.catalog.importAdversarialSet(digest, basename(given), { signal })).digest;
}
