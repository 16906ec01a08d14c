import { Command, Option } from 'commander';

import { registerAttack } from './commands/attack.js';
import type { StartSession } from './commands/context.js';
import { registerCompletion } from './commands/completion.js';
import { registerConfig } from './commands/config.js';
import { registerCriticality } from './commands/criticality.js';
import { registerData } from './commands/data.js';
import { registerDoctor } from './commands/doctor.js';
import { registerEvaluate } from './commands/evaluate.js';
import { registerExportRun } from './commands/export-run.js';
import { registerFinetune } from './commands/finetune.js';
import { registerInterpolate } from './commands/interpolate.js';
import { optionWithDefault } from './commands/options.js';
import { registerNetworks } from './commands/networks.js';
import { registerPresets } from './commands/presets.js';
import { registerRun } from './commands/run.js';
import { registerRuns } from './commands/runs.js';
import { registerStudy } from './commands/study.js';
import { registerTrain } from './commands/train.js';
import { registerUp } from './commands/up.js';
import { parseDevice, parseEndpoint } from './parse/device.js';
import { integer } from './parse/numbers.js';
import { MEMORY, SEED, THREADS } from './settings/settings.js';
import { PRECISIONS, choose } from './parse/vocabulary.js';
import { version } from './version.js';

const NOTES = `
Without --endpoint a command starts the services it needs on this machine (state in RIFT_HOME, ./.rift) and stops them again.

Exit codes:
  0 done   1 failed   2 bad usage   3 invalid input   4 not found
  5 unavailable or timed out   6 gate failed   130 cancelled

Settings come from flags, else from the environment, else from ./rift.json, else from ~/.config/rift/config.json
({"endpoint": "host:50051", "threads": 2}); "rift config" shows them all:
  RIFT_HOME       folder of the local state
  RIFT_ENDPOINT   as --endpoint; RIFT_DEVICE, RIFT_THREADS, RIFT_SEED, RIFT_PRECISION likewise
  RIFT_TOKEN      bearer token of the endpoint; RIFT_TOKEN_FILE names a file that holds it
  RIFT_TLS_CA, RIFT_TLS_CERT, RIFT_TLS_KEY   PEM files for TLS and mutual TLS
  RIFT_CONFIG     the only configuration file to read
  NO_COLOR        no colours
`;

/** The commands in the order in which a newcomer meets them. */
const GROUPS: readonly (readonly [string, readonly ((program: Command, start: StartSession) => void)[]])[] = [
  ['The method:', [registerRun]],
  ['Networks and data:', [registerNetworks, registerData]],
  ['Measure a network:', [registerAttack, registerEvaluate]],
  ['Single steps:', [registerCriticality, registerFinetune, registerInterpolate, registerTrain, registerPresets]],
  ['Runs:', [registerRuns, registerExportRun, registerStudy]],
  ['Services and settings:', [registerUp, registerDoctor, registerConfig, registerCompletion]],
];

/** Where the program's own help goes. */
export interface ProgramStreams {
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
}

/**
 * The command line. Mistakes and help end as errors instead of ending the process.
 *
 * @param start makes the session of the command that was chosen
 */
export function createProgram(start: StartSession, { writeOut, writeErr }: ProgramStreams): Command {
  const program = new Command('rift');
  program
    .description('RiFT: give robust image classifiers their ordinary accuracy back')
    .version(version())
    .option('--endpoint <host:port>', 'a running service', (text: string) => parseEndpoint(text))
    .option('--json', 'exactly one JSON document on standard output; accuracies are fractions')
    .option('--quiet', 'results and errors only')
    .option('--device <name>', 'auto, cpu, cuda or cuda:N', (text: string) => parseDevice(text), 'auto')
    .addOption(new Option('--threads <n>', 'threads of the computation').argParser(integer('--threads', THREADS)).default(0, 'all'))
    .option('--seed <n>', 'seed of every random draw', integer('--seed', SEED), 0)
    .addOption(optionWithDefault('--precision <format>', 'auto, fp32 or bf16', (text) => choose(PRECISIONS, text, '--precision'), 'auto'))
    .addOption(
      new Option('--memory <MiB>', 'memory of kept activations and images; beyond it they move to files')
        .argParser(integer('--memory', MEMORY))
        .default(0, '3072'),
    )
    .option('--plain', 'no rewrite of the network and no early stop; with --precision fp32, what PyTorch computes')
    .option('--no-color', 'no colours')
    .addHelpText('after', NOTES)
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true })
    // The caller prints errors, once and in one form.
    .configureOutput({ writeOut, writeErr, outputError: () => undefined })
    .exitOverride();
  for (const [heading, registers] of GROUPS) {
    program.commandsGroup(heading);
    for (const register of registers) register(program, start);
  }
  // Of the last group too; left alone, commander gives "help" a group of its own.
  program.helpCommand(true);
  return program;
}
