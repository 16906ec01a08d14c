import type { AlphaRule, InterpolateSpec, Profile } from '@rift/contracts';
import type { Command } from 'commander';

import { selectImages } from '../inputs/datasets.js';
import { checkDataArgument, checkNetworkArgument } from '../inputs/preflight.js';
import type { CheckpointOptions } from '../inputs/networks.js';
import { fraction, integer } from '../parse/numbers.js';
import { ALPHA_RULES, choose } from '../parse/vocabulary.js';
import { changedPgd } from '../plan/attacks.js';
import { requireChoices } from '../plan/profile-choices.js';
import { interpolatePlan } from '../plan/stages.js';
import { saveNetwork } from '../results/save-network.js';
import { alphaDocuments, alphasText } from '../results/training.js';
import { performRun, resultOf } from '../runs/perform.js';
import { withClient, type Session } from '../session.js';
import { datasetOf, example, networkOf, type StartSession } from './context.js';
import {
  addAttackOptions,
  addCheckpointOptions,
  addDataOptions,
  addRunOptions,
  alphas,
  attackChoice,
  optionWithDefault,
  profile,
  type AttackOptions,
  type RunOptions,
  type SelectionOptions,
} from './options.js';

interface Options extends CheckpointOptions, SelectionOptions, AttackOptions, RunOptions {
  readonly from: string;
  readonly to: string;
  readonly alphas?: readonly number[];
  readonly rule?: AlphaRule;
  readonly margin?: number;
  readonly refine?: number;
  readonly profile: Profile;
  readonly output?: string;
}

/** Adds `rift interpolate`. */
export function registerInterpolate(program: Command, start: StartSession): void {
  const command = program
    .command('interpolate')
    .description('walk from one network to another and choose alpha (third step of the method)');
  command
    .requiredOption('--from <file|name|digest>', 'network at alpha = 0')
    .requiredOption('--to <file|name|digest>', 'network at alpha = 1');
  addDataOptions(addCheckpointOptions(command), 'val')
    .option('--alphas <points>', 'FIRST:LAST:STEP or a list (default: 0:1:0.1)', alphas)
    .addOption(optionWithDefault('--profile <name>', 'whose attack, rule and margin hold where nothing else is said', profile, 'sound'))
    .option('--rule <name>', 'paper or non-inferior', (text) => choose(ALPHA_RULES, text, '--rule'))
    .option('--margin <share>', 'adversarial accuracy that may be lost', fraction('--margin'))
    .option(
      '--refine <n>',
      "rounds of refining alpha between the points (default: the profile's; 0 with --alphas)",
      integer('--refine', { min: 0, max: 10 }),
    )
    .option('-o, --output <file>', 'where the chosen network goes (default: rift-output/RUN/network.safetensors)');
  addRunOptions(addAttackOptions(command));
  command.addHelpText(
    'after',
    example('rift interpolate --from net.safetensors --to tuned.safetensors --alphas 0:1:0.1 --data cifar10 --limit 1000'),
  );
  command.action(async (options: Options, self: Command) => runInterpolate(start(self), options));
}

function specOf(options: Options, seed: number): InterpolateSpec {
  const base = requireChoices(options.profile).interpolate;
  return {
    alphas: [...(options.alphas ?? base.alphas)],
    rule: options.rule ?? base.rule,
    margin: options.margin ?? base.margin,
    attack: base.attack && changedPgd(base.attack, attackChoice('ATTACK_KIND_PGD', options)),
    seed,
    // Positions that somebody names are measured as they are.
    refinements: options.refine ?? (options.alphas === undefined ? base.refinements : 0),
  };
}

async function runInterpolate(session: Session, options: Options): Promise<void> {
  specOf(options, 0);
  await checkNetworkArgument(options.from, '--from', options);
  await checkNetworkArgument(options.to, '--to', options);
  await checkDataArgument(options.data, options);
  await withClient(session, async (client) => {
    const from = await networkOf(session, client, options.from, options, '--from');
    const to = await networkOf(session, client, options.to, options, '--to');
    const dataset = await datasetOf(session, client, options);
    const plan = interpolatePlan(to.digest, selectImages(dataset, options), specOf(options, session.options.seed));
    const settings = { network: from.digest, dataset: dataset.reference, noCache: !options.cache };
    const run = await performRun(session, client, { name: options.name ?? 'interpolate', settings, plan });
    const result = resultOf(run, 'interpolate', 'interpolate');
    const path = await saveNetwork(session, client, { runId: run.id, digest: result.digest, output: options.output });
    const points = alphaDocuments(result);
    const document = { runId: run.id, points, chosen: result.chosenAlpha, reason: result.reason, network: path, digest: result.digest };
    session.output.result(
      document,
      (columns) => `${alphasText(points, result.chosenAlpha, columns)}\n\n${result.reason}\n\nnetwork  ${path}`,
    );
  });
}
