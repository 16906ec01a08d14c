import type { Profile } from '@rift/contracts';

import { modulesChoice, type ModulesChoice } from '../parse/modules.js';
import type { METHODS } from '../parse/vocabulary.js';

/** Studies: the paper's tables and figures. */
export const STUDIES = ['table1', 'table2', 'table3', 'table4', 'fig1', 'fig3'] as const;
export type StudyName = (typeof STUDIES)[number];

/** Data sets of the paper. */
export const STUDY_DATASETS = ['cifar10', 'cifar100', 'tiny-imagenet'] as const;
export type StudyDataset = (typeof STUDY_DATASETS)[number];

/** Architectures of the paper. */
export const STUDY_NETWORKS = ['resnet18', 'resnet34', 'wrn-34-10'] as const;
export type StudyNetwork = (typeof STUDY_NETWORKS)[number];

/** A method of adversarial training by the word a user types. */
export type MethodWord = keyof typeof METHODS;

/** One combination of a study, for every seed. */
export interface Combination {
  /** Row of the table, as the published figures name it. */
  readonly row: string;
  /** Row for people. */
  readonly title: string;
  readonly network: StudyNetwork;
  readonly dataset: StudyDataset;
  readonly method: MethodWord;
  /** Weights that are fine-tuned; null where only the criticality is measured. */
  readonly modules: ModulesChoice | null;
  /** Profile whose maximiser measures criticality in this combination alone; unset takes the study's. */
  readonly measuredAs?: Profile;
}

/** One run of a study. */
export interface Cell extends Combination {
  readonly seed: number;
  /** Identifier within the study, for people. */
  readonly id: string;
}

const NETWORK_TITLES: Readonly<Record<StudyNetwork, string>> = { resnet18: 'ResNet-18', resnet34: 'ResNet-34', 'wrn-34-10': 'WRN-34-10' };

const BASE = { network: 'resnet18', dataset: 'cifar10', method: 'pgd' } as const;

function tuned(row: string, title: string): Combination {
  return { ...BASE, row, title, modules: modulesChoice(row) };
}

const MODULE_CHOICES: readonly Combination[] = [
  tuned('all', 'All layers'),
  tuned('last', 'Last layer'),
  tuned('most', 'Robust-critical'),
  tuned('least', 'Non-robust-critical'),
];

function table1(): Combination[] {
  return STUDY_DATASETS.flatMap((dataset) =>
    STUDY_NETWORKS.map((network) => ({
      row: network,
      title: NETWORK_TITLES[network],
      network,
      dataset,
      method: 'pgd' as const,
      modules: modulesChoice('least'),
    })),
  );
}

function table2(): Combination[] {
  const methods = { trades: 'TRADES', mart: 'MART', awp: 'AWP', score: 'SCORE' } as const;
  return (['cifar10', 'cifar100'] as const).flatMap((dataset) =>
    Object.entries(methods).map(([row, title]) => ({
      row,
      title,
      network: 'resnet18' as const,
      dataset,
      method: row as keyof typeof methods,
      modules: modulesChoice('least'),
    })),
  );
}

/** The paper's rows, and beside them sets of modules grown by joint criticality, which the paper leaves open. */
function table4(): Combination[] {
  const top = [1, 2, 3, 5].map((count) => tuned(`top:${count}`, `Top ${count}`));
  const greedy = [2, 3].map((count) => tuned(`greedy:${count}:6`, `Greedy ${count} (joint MRC)`));
  return [...top, ...greedy];
}

/** @param profile the study's own, beside which the bounded maximiser of `sound` is shown */
function fig3(profile: Profile): Combination[] {
  const words: Readonly<Record<Profile, string>> = {
    PROFILE_UNSPECIFIED: '',
    PROFILE_PAPER: 'paper',
    PROFILE_CODE: 'code',
    PROFILE_SOUND: 'sound',
  };
  return [...new Set<Profile>([profile, 'PROFILE_CODE', 'PROFILE_SOUND'])].map((one) => ({
    ...BASE,
    row: words[one],
    title: `as profile ${words[one]} measures`,
    modules: null,
    measuredAs: one,
  }));
}

/** The combinations of a study, in the order of the paper. */
export function combinationsOf(study: StudyName, profile: Profile): Combination[] {
  switch (study) {
    case 'table1':
      return table1();
    case 'table2':
      return table2();
    case 'table3':
    case 'fig1':
      return [...MODULE_CHOICES];
    case 'table4':
      return table4();
    case 'fig3':
      return fig3(profile);
  }
}

/** The runs of combinations, seed by seed, so that a study that is stopped early has whole seeds. */
export function cellsOf(combinations: readonly Combination[], seeds: number): Cell[] {
  return Array.from({ length: seeds }, (_, seed) =>
    combinations.map((combination) => ({
      ...combination,
      seed,
      id: `${combination.dataset}/${combination.network}/${combination.method}/${combination.row}/seed ${seed}`,
    })),
  ).flat();
}
