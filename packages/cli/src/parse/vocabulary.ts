import type {
  AlphaRule,
  AttackKind,
  BatchNormMode,
  CleanForwards,
  CraftBatchNorm,
  FineTuneScope,
  ModuleGrouping,
  Norm,
  PaddingMode,
  Precision,
  Profile,
  RunState,
  ScheduleKind,
  TrainMethod,
} from '@rift/contracts';

import { usageError } from '../errors.js';
import { nearest } from './nearest.js';

/** Attacks by the name a user types. */
export const ATTACKS = {
  fgsm: 'ATTACK_KIND_FGSM',
  pgd: 'ATTACK_KIND_PGD',
  'apgd-ce': 'ATTACK_KIND_APGD_CE',
  'apgd-dlr': 'ATTACK_KIND_APGD_DLR',
  'apgd-t': 'ATTACK_KIND_APGD_T',
  'fab-t': 'ATTACK_KIND_FAB_T',
  square: 'ATTACK_KIND_SQUARE',
  cw: 'ATTACK_KIND_CW',
  autoattack: 'ATTACK_KIND_AUTOATTACK_STANDARD',
  'autoattack-plus': 'ATTACK_KIND_AUTOATTACK_PLUS',
  'autoattack-rand': 'ATTACK_KIND_AUTOATTACK_RAND',
  'autoattack-decisive': 'ATTACK_KIND_AUTOATTACK_DECISIVE',
} as const satisfies Record<string, AttackKind>;

/** Norms of a threat model. */
export const NORMS = { linf: 'NORM_LINF', l2: 'NORM_L2', l1: 'NORM_L1' } as const satisfies Record<string, Norm>;

/** Complete, named sets of choices. */
export const PROFILES = { paper: 'PROFILE_PAPER', code: 'PROFILE_CODE', sound: 'PROFILE_SOUND' } as const satisfies Record<string, Profile>;

/** Number formats of the fast path. */
export const PRECISIONS = {
  auto: 'PRECISION_AUTO',
  fp32: 'PRECISION_FP32',
  bf16: 'PRECISION_BF16',
} as const satisfies Record<string, Precision>;

/** Methods of adversarial training. */
export const METHODS = {
  pgd: 'TRAIN_METHOD_PGD',
  trades: 'TRAIN_METHOD_TRADES',
  mart: 'TRAIN_METHOD_MART',
  awp: 'TRAIN_METHOD_AWP',
  'trades-awp': 'TRAIN_METHOD_TRADES_AWP',
  score: 'TRAIN_METHOD_SCORE',
  'score-trades': 'TRAIN_METHOD_SCORE_TRADES',
  fast: 'TRAIN_METHOD_FAST',
  standard: 'TRAIN_METHOD_STANDARD',
} as const satisfies Record<string, TrainMethod>;

/** States of a run. */
export const RUN_STATES = {
  queued: 'RUN_STATE_QUEUED',
  running: 'RUN_STATE_RUNNING',
  succeeded: 'RUN_STATE_SUCCEEDED',
  failed: 'RUN_STATE_FAILED',
  cancelled: 'RUN_STATE_CANCELLED',
} as const satisfies Record<string, RunState>;

/** Learning-rate schedules. */
export const SCHEDULES = {
  constant: 'SCHEDULE_KIND_CONSTANT',
  step: 'SCHEDULE_KIND_STEP',
  cosine: 'SCHEDULE_KIND_COSINE',
  'one-cycle': 'SCHEDULE_KIND_ONE_CYCLE',
  'one-cycle-cosine': 'SCHEDULE_KIND_ONE_CYCLE_COSINE',
} as const satisfies Record<string, ScheduleKind>;

/** Padding of the random crop. */
export const PADDING_MODES = { reflect: 'PADDING_MODE_REFLECT', zero: 'PADDING_MODE_ZERO' } as const satisfies Record<string, PaddingMode>;

/** Batch norm while training images are crafted. */
export const CRAFT_BATCH_NORM = {
  eval: 'CRAFT_BATCH_NORM_EVAL',
  train: 'CRAFT_BATCH_NORM_TRAIN',
  untracked: 'CRAFT_BATCH_NORM_TRAIN_UNTRACKED',
} as const satisfies Record<string, CraftBatchNorm>;

/** Clean forwards that move the running statistics. */
export const CLEAN_FORWARDS = {
  none: 'CLEAN_FORWARDS_NONE',
  before: 'CLEAN_FORWARDS_BEFORE_UPDATE',
  after: 'CLEAN_FORWARDS_AFTER_UPDATE',
  both: 'CLEAN_FORWARDS_BEFORE_AND_AFTER_UPDATE',
} as const satisfies Record<string, CleanForwards>;

/** Normalisations that have a name. */
export const PREPROCESS = ['cifar10', 'cifar100', 'imagenet', 'none'] as const;

/** What fine-tuning moves. */
export const SCOPES = {
  modules: 'FINE_TUNE_SCOPE_MODULES',
  all: 'FINE_TUNE_SCOPE_ALL',
  last: 'FINE_TUNE_SCOPE_LAST',
} as const satisfies Record<string, FineTuneScope>;

/** What is perturbed together when criticality is measured. */
export const GROUPINGS = {
  layer: 'MODULE_GROUPING_LAYER',
  block: 'MODULE_GROUPING_BLOCK',
} as const satisfies Record<string, ModuleGrouping>;

/** What happens to batch-norm statistics while fine-tuning. */
export const BATCH_NORM_MODES = {
  track: 'BATCH_NORM_MODE_TRACK',
  freeze: 'BATCH_NORM_MODE_FREEZE',
  reestimate: 'BATCH_NORM_MODE_REESTIMATE',
} as const satisfies Record<string, BatchNormMode>;

/** Which alphas keep the robustness. */
export const ALPHA_RULES = {
  paper: 'ALPHA_RULE_PAPER',
  'non-inferior': 'ALPHA_RULE_NON_INFERIOR',
} as const satisfies Record<string, AlphaRule>;

/** Layouts of a data set's files. */
export const DATASET_FORMATS = {
  cifar10: 'DATASET_FORMAT_CIFAR10',
  cifar100: 'DATASET_FORMAT_CIFAR100',
  folder: 'DATASET_FORMAT_FOLDER',
  'tiny-imagenet': 'DATASET_FORMAT_TINY_IMAGENET',
  npy: 'DATASET_FORMAT_NPY',
  'cifar-c': 'DATASET_FORMAT_CIFAR_C',
} as const;

/** A layout by the name a user types. */
export type DatasetFormatName = keyof typeof DATASET_FORMATS;

/** Architectures and the channels of their first stage in the published form. */
export const ARCHITECTURES = {
  resnet18: 64,
  resnet34: 64,
  'wrn-34-10': 16,
  'wrn-28-10': 16,
  'wrn-28-10-silu': 16,
  'preact-resnet18': 64,
  torchscript: 0,
} as const;

/** The four further corruptions that CIFAR-C holds apart. */
export const EXTRA_CORRUPTIONS = ['speckle_noise', 'gaussian_blur', 'spatter', 'saturate'] as const;

/** What `rift evaluate --suite` measures. */
export const SUITES = ['standard', 'pgd', 'autoattack', 'ood', 'diagnostics'] as const;

/** One part of the suite. */
export type Suite = (typeof SUITES)[number];

/**
 * The value that a word stands for.
 *
 * @param table words and their values
 * @param word what the user typed
 * @param what the option or argument, for the message ("--attack")
 * @throws a usage error that names the nearest word, or all of them
 */
export function choose<T>(table: Readonly<Record<string, T>>, word: string, what: string): T {
  const value = Object.hasOwn(table, word) ? table[word] : undefined;
  if (value !== undefined) return value;
  const words = Object.keys(table);
  const near = nearest(word, words);
  const help = near === undefined ? `Choose one of ${words.join(', ')}.` : `Did you mean ${near}?`;
  throw usageError(`${what} ${JSON.stringify(word)} is not known. ${help}`);
}

/**
 * A comma-separated list whose every word is in a table; repeated words count once.
 *
 * @throws a usage error that names the word at fault
 */
export function chooseList<T>(table: Readonly<Record<string, T>>, text: string, what: string): T[] {
  const words = text.split(',').map((word) => word.trim());
  if (words.some((word) => word === ''))
    throw usageError(`${what} ${JSON.stringify(text)} has an empty entry. Separate names by single commas.`);
  return [...new Set(words)].map((word) => choose(table, word, what));
}

/** The table in which every word stands for itself. */
export function wordsOf<const W extends string>(words: readonly W[]): Record<W, W> {
  return Object.fromEntries(words.map((word) => [word, word])) as Record<W, W>;
}

/** The word a user would type for a value of a table. */
export function wordFor(table: Readonly<Record<string, string>>, value: string): string {
  return Object.entries(table).find(([, entry]) => entry === value)?.[0] ?? value;
}
