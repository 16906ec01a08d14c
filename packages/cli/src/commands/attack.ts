import { accuracyOf } from '@rift/client';
import type { AttackOutcome, Outcome, Run } from '@rift/contracts';
import type { Command } from 'commander';
import { join } from 'node:path';

import { checkDataArgument, checkNetworkArgument } from '../inputs/preflight.js';
import { selectImages } from '../inputs/datasets.js';
import { accuracyText, duration } from '../output/format.js';
import { pairs } from '../output/table.js';
import { completeAttack, type AttackChoice } from '../plan/attacks.js';
import { craftPlan, evaluatePlan } from '../plan/stages.js';
import { attackDocument, attackTitle } from '../results/evaluation.js';
import { performRun, resultOf, stageOf } from '../runs/perform.js';
import { withClient, type Session } from '../session.js';
import { saveAdversarialSet } from '../results/adversarial-set.js';
import { datasetOf, example, networkOf, type StartSession } from './context.js';
import { checkGates, enforceGates, gateDocument, type GateOptions } from './gates.js';
import {
  addAttackOptions,
  addDataOptions,
  addNetworkOption,
  addRunOptions,
  attackChoice,
  attackKind,
  optionWithDefault,
  type AttackOptions,
  type NetworkOptions,
  type RunOptions,
  type SelectionOptions,
} from './options.js';
import { fraction } from '../parse/numbers.js';

interface Options extends NetworkOptions, SelectionOptions, AttackOptions, RunOptions, GateOptions {
  readonly attack: AttackChoice['kind'];
  readonly randomStart: boolean;
  readonly save?: string;
  readonly perSample?: boolean;
}

/** Adds `rift attack`. */
export function registerAttack(program: Command, start: StartSession): void {
  const command = program.command('attack').description('attack a network: robust accuracy, or an adversarial set with --save');
  addNetworkOption(command);
  addDataOptions(command, 'test');
  command.addOption(
    optionWithDefault(
      '--attack <name>',
      'fgsm, pgd, cw, apgd-ce, apgd-dlr, apgd-t, fab-t, square, autoattack, autoattack-plus, autoattack-rand',
      attackKind,
      'pgd',
    ),
  );
  addAttackOptions(command)
    .option('--no-random-start', 'start at the image itself')
    .option('--to-the-end', 'attack every image in every step and keep the last iterate, as torchattacks does')
    .option('--save <folder>', 'keep the adversarial images there (.safetensors and .npz)')
    .option('--per-sample', 'also say of every image whether it is still classified right (1) or not (0)')
    .option('--min-robust <share>', 'exit code 6 when the accuracy under attack is below, 0.45', fraction('--min-robust'));
  addRunOptions(command);
  command.addHelpText(
    'after',
    example(
      'rift attack --network net.safetensors --data cifar10 --limit 1000 --attack pgd --eps 8/255 --step 2/255 --steps 10 --restarts 3',
    ),
  );
  command.action(async (options: Options, self: Command) => runAttack(start(self), options));
}

async function runAttack(session: Session, options: Options): Promise<void> {
  const chosen = { ...attackChoice(options.attack, options), ...(options.randomStart ? {} : { randomStart: false }) };
  // Mistakes show before anything starts; the number of classes only bounds the targets.
  completeAttack(chosen, 2);
  checkGates(options, { standard: true, adversarial: true });
  await checkNetworkArgument(options.network, '--network', options);
  await checkDataArgument(options.data, options);
  await withClient(session, async (client) => {
    const network = await networkOf(session, client, options.network, options);
    const dataset = await datasetOf(session, client, options);
    const data = selectImages(dataset, options);
    const attack = completeAttack(chosen, network.classes);
    const { seed } = session.options;
    const measure = { standard: true, attacks: [attack], corruptions: [], severities: [], seed, gallery: 0, diagnostics: null };
    const plan = options.save === undefined ? evaluatePlan([{ id: 'attack', data, spec: measure }]) : craftPlan(data, attack, seed);
    const settings = { network: network.digest, dataset: dataset.reference, noCache: !options.cache };
    const run = await performRun(session, client, { name: options.name ?? 'attack', settings, plan });
    const { outcome, standard, digest } = outcomeOf(run);
    const saved =
      options.save === undefined || digest === undefined
        ? undefined
        : await saveAdversarialSet(client, digest, join(options.save), session.interrupts.signal);
    const document = {
      runId: run.id,
      ...attackDocument(outcome),
      standard: accuracyOf(standard),
      imagesChanged: outcome.audit?.imagesChanged ?? 0,
      cached: stageOf(run, 'attack').cached,
      seconds: stageOf(run, 'attack').seconds,
      ...(options.perSample === true ? { perSample: [...(outcome.outcome?.perImage ?? [])] } : {}),
      ...(saved === undefined ? {} : { saved, digest }),
    };
    const gate = gateDocument(options, { adversarial: document });
    session.output.result(gate === undefined ? document : { ...document, gate }, () =>
      pairs([
        ['attack', attackTitle(document)],
        ['standard', accuracyText(document.standard)],
        ['under attack', `${accuracyText(document)}  (${document.correct} / ${document.total})`],
        ['largest change', document.maxPerturbation.toPrecision(6)],
        [
          'speed',
          `${document.imagesPerSecond.toFixed(0)} images × steps / s, ${duration(document.seconds)}${document.cached ? ' (known from an earlier run)' : ''}`,
        ],
        ...(saved === undefined ? [] : [['saved', `${saved.safetensors}, ${saved.npz}`] as const]),
        ...document.flags.map((flag) => ['note', flag] as const),
        ...(document.perSample === undefined ? [] : [['per image', document.perSample.join('')] as const]),
      ]),
    );
    enforceGates(gate);
  });
}

function outcomeOf(run: Run): { outcome: AttackOutcome; standard: Outcome; digest?: string } {
  const none: Outcome = { correct: 0, total: 0, perImage: Buffer.alloc(0), meanLoss: 0 };
  const crafted = stageOf(run, 'attack').result?.craft;
  if (crafted?.outcome) return { outcome: crafted.outcome, standard: crafted.standard ?? none, digest: crafted.digest };
  const result = resultOf(run, 'attack', 'evaluate');
  const [outcome] = result.attacks;
  if (outcome === undefined) throw new Error('The evaluation holds no attack although one was asked for.');
  return { outcome, standard: result.standard ?? none };
}
