import type { CriticalitySpec, FineTuneSpec, ModuleRule } from '@rift/contracts';

import { usageError } from '../errors.js';
import { decimal, integer } from './numbers.js';

/** Which weights a run fine-tunes. */
export type ModulesChoice =
  | { readonly kind: 'named'; readonly modules: readonly string[] }
  | { readonly kind: 'scope'; readonly scope: Extract<FineTuneSpec['scope'], 'FINE_TUNE_SCOPE_ALL' | 'FINE_TUNE_SCOPE_LAST'> }
  | {
      readonly kind: 'rule';
      readonly rule: ModuleRule;
      readonly count: number;
      /** Candidates of each step of a greedy set; 0 means all. */
      readonly candidates: number;
    };

/** The forms of `--modules`, for its help. */
export const MODULES_HELP = 'all, last, least, most, top:K, greedy:K[:CANDIDATES], or names separated by commas';

/**
 * Parser of `--modules`: `least` (the default of the method), `most`, `top:K` (the K least critical), `greedy:K` (K modules grown by joint
 * criticality, optionally among the CANDIDATES least critical ones), `all` layers, the `last` one, or names.
 *
 * @throws a usage error
 */
export function modulesChoice(text: string): ModulesChoice {
  const [word = '', ...numbers] = text.split(':').map((part) => part.trim());
  const rule = (name: ModuleRule, count: number, candidates = 0): ModulesChoice => ({ kind: 'rule', rule: name, count, candidates });
  const count = (most: number): number => {
    if (numbers[0] === undefined) throw usageError(`--modules ${word} needs a number of modules: --modules ${word}:3.`);
    return integer(`--modules ${word}:`, { min: 1, max: most })(numbers[0]);
  };
  const atMost = word === 'greedy' ? 2 : word === 'top' ? 1 : 0;
  const isWord = ['all', 'last', 'least', 'most', 'top', 'greedy'].includes(word);
  if (isWord && numbers.length > atMost) throw usageError(`--modules ${JSON.stringify(text)} is not known. It is ${MODULES_HELP}.`);
  switch (word) {
    case 'all':
      return { kind: 'scope', scope: 'FINE_TUNE_SCOPE_ALL' };
    case 'last':
      return { kind: 'scope', scope: 'FINE_TUNE_SCOPE_LAST' };
    case 'least':
      return rule('MODULE_RULE_LEAST_CRITICAL', 1);
    case 'most':
      return rule('MODULE_RULE_MOST_CRITICAL', 1);
    case 'top':
      return rule('MODULE_RULE_LEAST_CRITICAL', count(100));
    case 'greedy': {
      const candidates = numbers[1] === undefined ? 0 : integer('candidates of --modules greedy', { min: 1, max: 10_000 })(numbers[1]);
      return rule('MODULE_RULE_GREEDY', Math.max(2, count(20)), candidates);
    }
    default:
      return { kind: 'named', modules: moduleNames(text) };
  }
}

/** Names separated by commas. @throws a usage error for an empty entry */
export function moduleNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw usageError('--modules has an empty entry. Separate names by single commas.');
  return [...new Set(names)];
}

/**
 * Parser of `--groups`: `early=conv1+layer1.0.conv1,head=linear`.
 *
 * @throws a usage error
 */
export function moduleGroups(text: string): CriticalitySpec['groups'] {
  return text.split(',').map((part) => {
    const [name = '', members, ...rest] = part.split('=').map((side) => side.trim());
    const modules = (members ?? '').split('+').map((module) => module.trim());
    if (name === '' || members === undefined || rest.length > 0 || modules.includes('')) {
      throw usageError(`--groups ${JSON.stringify(part)} is no group. Write NAME=MODULE+MODULE, and separate groups by commas.`);
    }
    return { name, modules: [...new Set(modules)] };
  });
}

/**
 * Parser of `--sweep-lr`: learning rates separated by commas, in rising order afterwards.
 *
 * @throws a usage error for fewer than two
 */
export function learningRates(text: string): number[] {
  const rate = decimal('--sweep-lr', { above: 0 });
  const rates = [...new Set(text.split(',').map((part) => rate(part)))].sort((a, b) => a - b);
  if (rates.length < 2) throw usageError('--sweep-lr compares learning rates: give at least two, 0.0003,0.001,0.003.');
  if (rates.length > 20) throw usageError(`--sweep-lr compares at most 20 learning rates, not ${rates.length}.`);
  return rates;
}
