import type { EvaluateSpec } from '@rift/contracts';
import type { Command } from 'commander';

import { usageError } from '../errors.js';
import { readCorruptionTable } from '../inputs/corruption-table.js';
import { selectImages } from '../inputs/datasets.js';
import { checkDataArgument, checkNetworkArgument } from '../inputs/preflight.js';
import { integer } from '../parse/numbers.js';
import { SUITES, chooseList, wordsOf, type Suite } from '../parse/vocabulary.js';
import { completeAttack } from '../plan/attacks.js';
import { evaluatePlan } from '../plan/stages.js';
import { evaluationDocument, evaluationText } from '../results/evaluation.js';
import { performRun, stageOf } from '../runs/perform.js';
import { withClient, type Session } from '../session.js';
import { datasetOf, example, networkOf, type StartSession } from './context.js';
import { checkGates, enforceGates, gateDocument, type GateOptions } from './gates.js';
import {
  addAttackOptions,
  addDataOptions,
  addGates,
  addNetworkOption,
  addRunOptions,
  attackChoice,
  corruptionList,
  optionWithDefault,
  severityList,
  type AttackOptions,
  type NetworkOptions,
  type RunOptions,
  type SelectionOptions,
} from './options.js';

interface Options extends NetworkOptions, SelectionOptions, AttackOptions, RunOptions, GateOptions {
  readonly suite: readonly Suite[];
  readonly corruptions: readonly string[];
  readonly severities: readonly number[];
  readonly oodLimit?: number;
  readonly mceBase?: string;
  readonly decisiveFirst?: boolean;
  readonly diagnosticsLimit: number;
}

/** Adds `rift evaluate`. */
export function registerEvaluate(program: Command, start: StartSession): void {
  const command = program.command('evaluate').description('measure the accuracies of a network, with 95 % intervals');
  addNetworkOption(command);
  addDataOptions(command, 'test');
  const suite = (text: string): Suite[] => chooseList(wordsOf(SUITES), text, '--suite');
  command.addOption(optionWithDefault('--suite <parts>', `what to measure: ${SUITES.join(', ')}`, suite, 'standard,pgd'));
  addAttackOptions(command)
    .addOption(optionWithDefault('--corruptions <names>', 'standard (the fifteen of CIFAR-C), all, or a list', corruptionList, 'standard'))
    .addOption(optionWithDefault('--severities <list>', 'severities of the corruptions', severityList, '1,2,3,4,5'))
    .option('--ood-limit <n>', 'images of each corruption and severity (default: as --limit)', integer('--ood-limit', { min: 1 }))
    .option('--mce-base <file>', 'JSON of an earlier "rift evaluate --suite ood --json": the base of the mean corruption error')
    .option('--decisive-first', "AutoAttack's decisive attack first: nearly the result after a third of the time, the same one at the end")
    .addOption(
      optionWithDefault(
        '--diagnostics-limit <n>',
        'images of the diagnostics',
        integer('--diagnostics-limit', { min: 1, max: 10_000 }),
        '100',
      ),
    );
  addGates(addRunOptions(command));
  command.addHelpText(
    'after',
    example('rift evaluate --network net.safetensors --data cifar10 --suite standard,pgd,autoattack,ood --limit 1000'),
  );
  command.action(async (options: Options, self: Command) => runEvaluate(start(self), options));
}

const MAIN = 'evaluate';
const OOD = 'corruptions';

function specsOf(options: Options, classes: number, seed: number): { id: string; limit: number | undefined; spec: EvaluateSpec }[] {
  const has = (part: Suite): boolean => options.suite.includes(part);
  const { eps, norm } = options;
  const attacks = [
    ...(has('pgd') ? [completeAttack(attackChoice('ATTACK_KIND_PGD', options), classes)] : []),
    ...(has('autoattack')
      ? [
          completeAttack(
            attackChoice(options.decisiveFirst === true ? 'ATTACK_KIND_AUTOATTACK_DECISIVE' : 'ATTACK_KIND_AUTOATTACK_STANDARD', {
              ...(eps === undefined ? {} : { eps }),
              ...(norm === undefined ? {} : { norm }),
            }),
            classes,
          ),
        ]
      : []),
  ];
  const base = { standard: false, attacks: [], corruptions: [], severities: [], seed, gallery: 0, diagnostics: null };
  const { threatModel } = completeAttack(attackChoice('ATTACK_KIND_PGD', options), classes);
  const diagnostics = has('diagnostics') ? { threatModel, images: options.diagnosticsLimit } : null;
  return [
    ...(has('standard') || attacks.length > 0 || diagnostics !== null
      ? [{ id: MAIN, limit: options.limit, spec: { ...base, standard: has('standard'), attacks, diagnostics } }]
      : []),
    ...(has('ood')
      ? [
          {
            id: OOD,
            limit: options.oodLimit ?? options.limit,
            spec: { ...base, corruptions: [...options.corruptions], severities: [...options.severities] },
          },
        ]
      : []),
  ];
}

async function runEvaluate(session: Session, options: Options): Promise<void> {
  specsOf(options, 2, 0);
  if (options.suite.includes('ood') && options.corruptions.length === 0)
    throw usageError('--suite ood needs corruptions; leave "ood" out to measure none.');
  if (options.mceBase !== undefined && !options.suite.includes('ood'))
    throw usageError('--mce-base compares accuracies under corruptions; add "ood" to --suite.');
  if (options.norm === 'NORM_L1' && options.suite.includes('diagnostics'))
    throw usageError('The diagnostics know --norm linf and l2; leave "diagnostics" out of --suite.');
  const base = options.mceBase === undefined ? undefined : await readCorruptionTable(options.mceBase, '--mce-base');
  const isAttacked = options.suite.includes('pgd') || options.suite.includes('autoattack');
  checkGates(options, { standard: options.suite.includes('standard'), adversarial: isAttacked });
  await checkNetworkArgument(options.network, '--network', options);
  await checkDataArgument(options.data, options);
  await withClient(session, async (client) => {
    const network = await networkOf(session, client, options.network, options);
    const dataset = await datasetOf(session, client, options);
    const parts = specsOf(options, network.classes, session.options.seed).map(({ id, limit, spec }) => ({
      id,
      spec,
      data: selectImages(dataset, { split: options.split, offset: options.offset, ...(limit === undefined ? {} : { limit }) }),
    }));
    const settings = { network: network.digest, dataset: dataset.reference, noCache: !options.cache };
    const run = await performRun(session, client, { name: options.name ?? 'evaluate', settings, plan: evaluatePlan(parts) });
    const results = parts.map(({ id }) => stageOf(run, id).result?.evaluate);
    const measured = {
      standard: results.find((result) => result?.standard)?.standard ?? null,
      attacks: results.flatMap((result) => result?.attacks ?? []),
      corruptions: results.flatMap((result) => result?.corruptions ?? []),
      gallery: [],
      confusion: [],
      diagnostics: results.find((result) => result?.diagnostics)?.diagnostics ?? null,
      notes: [...new Set(results.flatMap((result) => result?.notes ?? []))],
    };
    const document = evaluationDocument(measured, base);
    const gate = gateDocument(options, document);
    const whole = { runId: run.id, network: network.digest, ...document, ...(gate === undefined ? {} : { gate }) };
    session.output.result(whole, (columns) => evaluationText(document, options.severities, columns));
    enforceGates(gate);
  });
}
