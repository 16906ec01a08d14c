import type { AlphaRule, FineTuneSpec } from '@rift/contracts';
import type { Command } from 'commander';

import { usageError } from '../errors.js';
import { MODULES_HELP, learningRates, moduleNames, modulesChoice, type ModulesChoice } from '../parse/modules.js';
import { decimal, fraction, integer } from '../parse/numbers.js';
import { ALPHA_RULES, BATCH_NORM_MODES, choose, wordFor } from '../parse/vocabulary.js';
import type { PlanEdits } from '../plan/edit.js';
import { alphas } from './options.js';

/** Parsed options of the method's own choices. */
export interface MethodOptions {
  readonly modules?: ModulesChoice;
  readonly module?: readonly string[];
  readonly mrcSeeds?: number;
  readonly prune?: number;
  readonly epochs?: number;
  readonly lr?: number;
  readonly sweepLr?: readonly number[];
  readonly sweepEpochs: number;
  readonly batchNorm?: FineTuneSpec['batchNorm'];
  readonly trustRegion?: number;
  readonly alphas?: readonly number[];
  readonly refine?: number;
  readonly rule?: AlphaRule;
  readonly margin?: number;
}

/** Which weights are fine-tuned. */
export function addModulesOptions(command: Command): Command {
  return command
    .option('--modules <which>', `weights to fine-tune: ${MODULES_HELP} (default: least)`, modulesChoice)
    .option('--module <names>', 'the same by name alone', moduleNames);
}

/** The other choices of the method that replace those of the profile: criticality, fine-tuning, alpha. */
export function addMethodOptions(command: Command): Command {
  return command
    .option(
      '--mrc-seeds <n>',
      'seeds that measure criticality, for rank stability (default: 1)',
      integer('--mrc-seeds', { min: 1, max: 20 }),
    )
    .option('--prune <share>', 'measure only this share of the modules, those of lowest first-order estimate', fraction('--prune'))
    .option('--epochs <n>', 'epochs of the fine-tuning', integer('--epochs', { min: 1, max: 10_000 }))
    .option('--lr <rate>', 'learning rate of the fine-tuning', decimal('--lr', { above: 0 }))
    .option('--sweep-lr <rates>', 'learning rates to try on the held-out images first, 0.0003,0.001,0.003', learningRates)
    .option('--sweep-epochs <n>', 'epochs at each of them', integer('--sweep-epochs', { min: 1, max: 100 }), 1)
    .option('--batch-norm <mode>', 'track, freeze or reestimate', (text) => choose(BATCH_NORM_MODES, text, '--batch-norm'))
    .option('--trust-region <share>', 'largest change of a weight relative to its norm', decimal('--trust-region', { min: 0 }))
    .option('--alphas <points>', 'FIRST:LAST:STEP or a list', alphas)
    .option(
      '--refine <n>',
      "rounds of refining alpha between the points (default: the profile's; 0 with --alphas)",
      integer('--refine', { min: 0, max: 10 }),
    )
    .option('--rule <name>', 'which alphas keep robustness: paper or non-inferior', (text) => choose(ALPHA_RULES, text, '--rule'))
    .option('--margin <share>', 'adversarial accuracy that may be lost', fraction('--margin'));
}

/** The edits that the options stand for. @throws a usage error for options that exclude each other */
export function methodEdits(options: MethodOptions): PlanEdits {
  const { modules, module, sweepLr, lr } = options;
  if (modules !== undefined && module !== undefined) throw usageError('--module and --modules exclude each other.');
  if (sweepLr !== undefined && lr !== undefined) throw usageError('--lr and --sweep-lr exclude each other: the sweep finds the rate.');
  const all = {
    modules: module === undefined ? modules : ({ kind: 'named', modules: module } as const),
    criticalitySeeds: options.mrcSeeds,
    measuredShare: options.prune,
    epochs: options.epochs,
    learningRate: lr,
    sweep: sweepLr === undefined ? undefined : { rates: sweepLr, epochs: options.sweepEpochs },
    batchNorm: options.batchNorm,
    trustRegion: options.trustRegion,
    alphas: options.alphas,
    refinements: options.refine,
    rule: options.rule,
    margin: options.margin,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** What was typed of the method's choices, as it would be typed again. */
export function methodFlags(options: MethodOptions): string[] {
  const { batchNorm, rule, sweepLr } = options;
  const said: readonly (readonly [flag: string, value: number | string | undefined])[] = [
    ['--mrc-seeds', options.mrcSeeds],
    ['--prune', options.prune],
    ['--epochs', options.epochs],
    ['--lr', options.lr],
    ['--sweep-lr', sweepLr?.join(',')],
    ['--sweep-epochs', sweepLr && options.sweepEpochs],
    ['--batch-norm', batchNorm && wordFor(BATCH_NORM_MODES, batchNorm)],
    ['--trust-region', options.trustRegion],
    ['--alphas', options.alphas?.join(',')],
    ['--refine', options.refine],
    ['--rule', rule && wordFor(ALPHA_RULES, rule)],
    ['--margin', options.margin],
  ];
  return said.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
}
