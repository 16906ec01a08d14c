import { STANDARD_CORRUPTIONS } from '@rift/client';
import type { Command, Option } from 'commander';

import { presetNames } from '../commands/train-options.js';
import { SIZES } from '../study/sizes.js';
import {
  ALPHA_RULES,
  ARCHITECTURES,
  ATTACKS,
  BATCH_NORM_MODES,
  CLEAN_FORWARDS,
  CRAFT_BATCH_NORM,
  DATASET_FORMATS,
  EXTRA_CORRUPTIONS,
  GROUPINGS,
  METHODS,
  NORMS,
  PADDING_MODES,
  PREPROCESS,
  PRECISIONS,
  PROFILES,
  RUN_STATES,
  SCHEDULES,
  SCOPES,
  SUITES,
} from '../parse/vocabulary.js';

/** What can be typed after a word: the whole command line as a shell needs to know it. */
export interface CommandModel {
  /** Words that lead to it: ["data", "add"]; empty for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionModel[];
}

/** One option. */
export interface OptionModel {
  /** Spellings, the long one first. */
  readonly flags: readonly string[];
  readonly description: string;
  /** What its value may be: words, a path, or "none" when it takes no value. */
  readonly value: readonly string[] | 'path' | 'any' | 'none';
}

/** Words that the value of an option may be. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  '--arch': Object.keys(ARCHITECTURES),
  '--attack': Object.keys(ATTACKS),
  '--batch-norm': Object.keys(BATCH_NORM_MODES),
  '--clean-forwards': Object.keys(CLEAN_FORWARDS),
  '--corruptions': ['standard', 'all', 'none', ...STANDARD_CORRUPTIONS, ...EXTRA_CORRUPTIONS],
  '--craft-mode': Object.keys(CRAFT_BATCH_NORM),
  '--device': ['auto', 'cpu', 'cuda'],
  '--format': Object.keys(DATASET_FORMATS),
  '--grouping': Object.keys(GROUPINGS),
  '--method': Object.keys(METHODS),
  '--modules': ['all', 'last', 'least', 'most', 'top:', 'greedy:'],
  '--norm': Object.keys(NORMS),
  '--padding-mode': Object.keys(PADDING_MODES),
  '--precision': Object.keys(PRECISIONS),
  '--preprocess': PREPROCESS,
  '--preset': presetNames(),
  '--profile': Object.keys(PROFILES),
  '--rule': Object.keys(ALPHA_RULES),
  '--scale': Object.keys(SIZES),
  '--schedule': Object.keys(SCHEDULES),
  '--scope': Object.keys(SCOPES),
  '--split': ['train', 'val', 'test'],
  '--state': Object.keys(RUN_STATES),
  '--suite': [...SUITES],
  '--weight-norm': Object.keys(NORMS),
};

const PATHS = /<(file|folder|dir|path)/;

/** The program and all its commands, the program first. */
export function completionModel(program: Command): CommandModel[] {
  const visit = (command: Command, path: readonly string[], inherited: readonly OptionModel[]): CommandModel[] => {
    const help = command.createHelp();
    const options = [...help.visibleOptions(command).map(optionModel), ...inherited];
    const children = command.commands.filter((child) => child.name() !== 'help');
    const model: CommandModel = {
      path,
      description: command.description(),
      subcommands: children.map((child) => ({ name: child.name(), description: child.description() })),
      options,
    };
    const shared = path.length === 0 ? options.filter(({ flags }) => !flags.includes('--help') && !flags.includes('--version')) : inherited;
    // Aliases are completed like the command they stand for.
    return [
      model,
      ...children.flatMap((child) => [child.name(), ...child.aliases()].flatMap((name) => visit(child, [...path, name], shared))),
    ];
  };
  return visit(program, [], []);
}

function optionModel(option: Option): OptionModel {
  const flags = [option.long, option.short].filter((flag): flag is string => typeof flag === 'string');
  const takesValue = option.required || option.optional;
  const words = flags.map((flag) => WORDS[flag]).find((found) => found !== undefined);
  return {
    flags,
    description: option.description,
    value: !takesValue ? 'none' : (words ?? (PATHS.test(option.flags) || /FOLDER|FILE/.test(option.flags) ? 'path' : 'any')),
  };
}
