import type { RiftClient } from '@rift/client';
import type { ImageLimits, Profile, Run } from '@rift/contracts';
import type { Command } from 'commander';

import { usageError } from '../errors.js';
import { checkDataArgument, checkNetworkArgument } from '../inputs/preflight.js';
import { duration } from '../output/format.js';
import { pairs } from '../output/table.js';
import { integer } from '../parse/numbers.js';
import { editPlan, type PlanEdits } from '../plan/edit.js';
import { readRunSpec, type RunSpec } from '../plan/spec-file.js';
import { runText, stageDocuments } from '../results/any-run.js';
import { deliver, type DeliveredFiles } from '../results/deliver.js';
import { beforeAfterText, runDocument, type RunDocument } from '../results/whole-run.js';
import { createRun, performRun, settingsOf, type RunRequest } from '../runs/perform.js';
import { SAMPLE, SAMPLE_EDITS, SAMPLE_LIMITS } from '../sample.js';
import { endpointOf, withClient, type Session } from '../session.js';
import { datasetOf, example, networkOf, type StartSession } from './context.js';
import { enforceGates, gateDocument, type GateOptions } from './gates.js';
import { addMethodOptions, addModulesOptions, methodEdits, type MethodOptions } from './method-options.js';
import {
  addCheckpointOptions,
  addGates,
  addRunOptions,
  corruptionList,
  datasetFormat,
  profile,
  severityList,
  type DataOptions,
  type NetworkOptions,
  type RunOptions,
} from './options.js';

interface Options extends Partial<NetworkOptions>, Partial<DataOptions>, RunOptions, GateOptions, MethodOptions {
  readonly spec?: string;
  readonly profile?: Profile;
  readonly corruptions?: readonly string[];
  readonly severities?: readonly number[];
  readonly restarts?: number;
  readonly limitCriticality?: number;
  readonly limitTrain?: number;
  readonly limitSelection?: number;
  readonly limitTest?: number;
  readonly limitCorruption?: number;
  readonly priority: number;
  readonly output?: string;
  readonly detach?: boolean;
}

/** Adds `rift run` and `rift demo`. */
export function registerRun(program: Command, start: StartSession): void {
  const command = program.command('run').description('the whole method: criticality, fine-tuning, interpolation, report');
  command
    .option('--spec <file>', 'JSON with name, settings and plan of the gRPC API; flags go before it')
    .option('--network <file|name|digest>', 'robust network to improve')
    .option('--data <folder|name|digest>', 'data set with the splits train, val and test')
    .option('--format <layout>', 'layout of a folder (default: told by its files)', datasetFormat)
    .option('--held-out <n>', 'training images to hold out where a folder has no val split', integer('--held-out'))
    .option('--profile <name>', 'paper, code or sound (default: sound)', profile);
  addMethodOptions(addModulesOptions(addCheckpointOptions(command)))
    .option('--corruptions <names>', 'standard, all, none or a list', corruptionList)
    .option('--severities <list>', 'severities of the corruptions', severityList)
    .option('--restarts <n>', 'random starts of the final attacks', integer('--restarts', { min: 1, max: 1000 }))
    .option('--limit-criticality <n>', 'images of the adversarial set', integer('--limit-criticality', { min: 1 }))
    .option('--limit-train <n>', 'training images', integer('--limit-train', { min: 1 }))
    .option('--limit-selection <n>', 'held-out images that choose epoch and alpha', integer('--limit-selection', { min: 1 }))
    .option('--limit-test <n>', 'test images', integer('--limit-test', { min: 1 }))
    .option('--limit-corruption <n>', 'test images of each corruption', integer('--limit-corruption', { min: 1 }))
    .option('--priority <n>', 'among runs of a shared service, -10 to 10', integer('--priority', { min: -10, max: 10 }), 0)
    .option('-o, --output <folder>', 'where network and report go (default: rift-output/RUN)')
    .option('--detach', 'do not wait: print the run and leave it to the service (with --endpoint)');
  addRunOptions(addGates(command));
  command.addHelpText(
    'after',
    example(
      'rift run --network net.safetensors --data cifar10 --profile sound --min-robust 0.45',
      'rift run --network net.safetensors --data cifar10 --modules top:2 --sweep-lr 0.0003,0.001,0.003 --refine 3',
    ),
  );
  command.action(async (options: Options, self: Command) => runWhole(start(self), options));

  const demo = program.command('demo').description('the whole method on the sample network and images that come with the project');
  demo
    .option('-o, --output <folder>', 'where network and report go (default: rift-output/RUN)')
    .option('--no-cache', 'compute again what is known from earlier runs');
  demo.addHelpText('after', example('rift demo'));
  demo.action(async (options: Pick<Options, 'output' | 'cache'>, self: Command) => runWhole(start(self), sampleOptions(options)));
}

/** What `rift demo` stands for. */
function sampleOptions({ output, cache }: Pick<Options, 'output' | 'cache'>): Options {
  const { corruptions, severities, alphas: points, margin } = SAMPLE_EDITS;
  return {
    network: SAMPLE.network,
    data: SAMPLE.data,
    profile: 'PROFILE_SOUND',
    name: 'sample',
    priority: 0,
    cache,
    sweepEpochs: 1,
    limitCriticality: SAMPLE_LIMITS.criticality,
    limitTrain: SAMPLE_LIMITS.train,
    limitSelection: SAMPLE_LIMITS.selection,
    limitTest: SAMPLE_LIMITS.test,
    limitCorruption: SAMPLE_LIMITS.corruption,
    ...(corruptions === undefined ? {} : { corruptions }),
    ...(severities === undefined ? {} : { severities }),
    ...(points === undefined ? {} : { alphas: points }),
    ...(margin === undefined ? {} : { margin }),
    ...(output === undefined ? {} : { output }),
  };
}

function editsOf(options: Options): PlanEdits {
  const { corruptions, severities, restarts } = options;
  return {
    ...methodEdits(options),
    ...(corruptions === undefined ? {} : { corruptions }),
    ...(severities === undefined ? {} : { severities }),
    ...(restarts === undefined ? {} : { restarts }),
  };
}

function limitsOf(options: Options, spec: RunSpec): ImageLimits {
  const given = spec.settings?.limits;
  return {
    criticality: options.limitCriticality ?? given?.criticality ?? 0,
    train: options.limitTrain ?? given?.train ?? 0,
    selection: options.limitSelection ?? given?.selection ?? 0,
    test: options.limitTest ?? given?.test ?? 0,
    corruption: options.limitCorruption ?? given?.corruption ?? 0,
  };
}

async function runWhole(session: Session, options: Options): Promise<void> {
  editsOf(options);
  if (options.detach === true && endpointOf(session) === undefined) {
    throw usageError('--detach needs --endpoint: without it the services stop together with this command.');
  }
  const spec = options.spec === undefined ? {} : await readRunSpec(options.spec);
  const network = options.network ?? spec.settings?.network ?? '';
  const data = options.data ?? spec.settings?.dataset ?? '';
  if (network === '' && spec.plan === undefined) throw usageError('Say which network to improve: --network FILE, NAME or SHA-256.');
  if (data === '') throw usageError('Say which images to use: --data FOLDER, NAME or SHA-256.');
  if (network !== '') await checkNetworkArgument(network, '--network', options);
  await checkDataArgument(data, options);
  await withClient(session, async (client) => {
    const request = await requestOf(session, client, { ...options, network, data }, spec);
    if (options.detach === true) {
      const run = await createRun(session, client, request);
      session.output.result({ runId: run.id, state: run.state }, () => `run ${run.id}; see it with "rift watch ${run.id}"`);
      return;
    }
    const started = Date.now();
    const run = await performRun(session, client, request);
    await present(session, client, run, options, (Date.now() - started) / 1000);
  });
}

async function requestOf(
  session: Session,
  client: RiftClient,
  options: Options & { network: string; data: string },
  spec: RunSpec,
): Promise<RunRequest> {
  const network = options.network === '' ? '' : (await networkOf(session, client, options.network, options)).digest;
  const dataset = await datasetOf(session, client, options);
  const settings = {
    ...spec.settings,
    network,
    dataset: dataset.reference,
    profile: options.profile ?? spec.settings?.profile ?? 'PROFILE_SOUND',
    limits: limitsOf(options, spec),
    priority: options.priority,
    noCache: !options.cache,
  };
  const plan = spec.plan ?? (await client.runs.expandPlan(settingsOf(session, settings), { signal: session.interrupts.signal }));
  return { name: options.name ?? spec.name ?? 'rift', settings, plan: editPlan(plan, editsOf(options)) };
}

async function present(session: Session, client: RiftClient, run: Run, options: Options, seconds: number): Promise<void> {
  const document = runDocument(run);
  if (document.reportDigests === null) {
    // A plan of the user's own, which does not compare two networks.
    session.output.result({ runId: run.id, stages: stageDocuments(run), seconds }, (columns) => runText(run, columns));
    return;
  }
  const files = await deliver(client, document, options.output, session.interrupts.signal);
  const gate = gateDocument(options, document.after);
  const whole = {
    ...document,
    report: files.report ?? null,
    reportJson: files.reportJson ?? null,
    network: files.network ?? null,
    networkPth: files.networkPth ?? null,
    seconds,
    ...(gate === undefined ? {} : { gate }),
  };
  session.output.result(whole, (columns) => wholeText(document, files, seconds, columns));
  enforceGates(gate);
}

/** The end of a run for people. */
export function wholeText(document: RunDocument, files: DeliveredFiles, seconds: number, columns?: number): string {
  const facts: (readonly [string, string])[] = [];
  if (document.module !== null) facts.push(['module', document.module]);
  if (document.alpha !== null) facts.push(['alpha', String(document.alpha)]);
  if (document.verdict !== null) facts.push(['verdict', document.verdict]);
  if (files.network !== undefined) facts.push(['network', files.network]);
  if (files.networkPth !== undefined) facts.push(['for PyTorch', files.networkPth]);
  if (files.report !== undefined) facts.push(['report', files.report]);
  facts.push(['time', duration(seconds)]);
  return `${beforeAfterText(document, columns)}\n\n${pairs(facts)}`;
}
