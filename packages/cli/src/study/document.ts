import type { Profile } from '@rift/contracts';
import { arch, cpus, platform, release, totalmem } from 'node:os';

import { wordFor, PROFILES } from '../parse/vocabulary.js';
import { rowsOf, type StudyRow } from './aggregate.js';
import type { StudyDataset, StudyName } from './cells.js';
import type { CellResult } from './collect.js';
import { SOURCE, citationOf } from './published.js';
import type { SizeName, StudySize } from './sizes.js';

/** What a study was asked for. */
export interface StudySetup {
  readonly study: StudyName;
  readonly scale: SizeName;
  readonly size: StudySize;
  readonly profile: Profile;
  readonly seeds: number;
  /** Folder, name or digest of each data set. */
  readonly datasets: Readonly<Partial<Record<StudyDataset, string>>>;
  /** Networks given instead of trained ones, by "architecture/dataset". */
  readonly networks: Readonly<Record<string, string>>;
  readonly device: string;
  readonly precision: string;
  /** The service that computed; null for this machine. */
  readonly endpoint: string | null;
  readonly command: string;
  /** Version of the project. */
  readonly version: string;
}

/** A study with its results, as data. */
export interface StudyDocument {
  readonly schema: 'rift.study/1';
  readonly study: StudyName;
  readonly command: string;
  readonly finishedAt: string;
  /** Combinations that were left out, with the reason. */
  readonly leftOut: readonly string[];
  readonly setup: Omit<StudySetup, 'study' | 'command'> & { readonly profileName: string };
  readonly machine: { readonly processor: string; readonly threads: number; readonly memoryGiB: number; readonly system: string };
  readonly published: { readonly source: string; readonly conditions: string; readonly citation: string };
  readonly rows: readonly StudyRow[];
  readonly cells: readonly CellResult[];
}

/** The document of a study, finished or so far. */
export function studyDocument(setup: StudySetup, cells: readonly CellResult[], leftOut: readonly string[], now: Date): StudyDocument {
  const { study, command, ...rest } = setup;
  const processors = cpus();
  return {
    schema: 'rift.study/1',
    study,
    command,
    finishedAt: now.toISOString(),
    leftOut,
    setup: { ...rest, profileName: wordFor(PROFILES, setup.profile) },
    machine: {
      processor: processors[0]?.model.trim() ?? 'unknown',
      threads: processors.length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${platform()} ${release()} ${arch()}`,
    },
    published: { ...SOURCE, citation: citationOf(study) },
    rows: rowsOf(study, cells),
    cells,
  };
}
