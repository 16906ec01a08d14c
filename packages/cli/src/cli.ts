import { CommanderError, type Command } from 'commander';
import { ExitCode, InvalidArgument, ServiceError, exitCodeOf } from '@rift/service-kit/client';
import type { Writable } from 'node:stream';

import { readConfig, type Environment } from './config.js';
import { RunFailed } from './errors.js';
import { Interrupts } from './interrupts.js';
import { Output } from './output/output.js';
import { createProgram } from './program.js';
import type { GlobalOptions, Session } from './session.js';

/** Where the command line reads its environment and writes. */
export interface CliStreams {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly variables?: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs one command.
 *
 * @param argv arguments after the program's name
 * @returns the exit code
 */
export async function runCli(argv: readonly string[], { stdout, stderr, variables }: CliStreams): Promise<number> {
  using interrupts = new Interrupts();
  // Before the arguments are understood, whether JSON is wanted can only be looked for.
  let output = new Output({ stdout, stderr, json: argv.includes('--json'), quiet: false, color: false });
  const start = (command: Command): Session => {
    const environment = readConfig(variables);
    const given = typedOptions(command);
    const options = withSettings(command.optsWithGlobals<GlobalOptions>(), environment, given);
    const color = options.color && !environment.noColor && stderr.isTTY === true && stdout.isTTY === true;
    output = new Output({ stdout, stderr, json: options.json === true, quiet: options.quiet === true, color });
    return { given, options, environment, output, interrupts };
  };
  const program = createProgram(start, { writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return ExitCode.done;
  } catch (error) {
    return report(error, output, interrupts);
  }
}

/** Options that stood on the command line, those of the program itself included. */
function typedOptions(command: Command): ReadonlySet<string> {
  const names = Object.keys(command.optsWithGlobals());
  return new Set(names.filter((name) => command.getOptionValueSourceWithGlobals(name) === 'cli'));
}

/** Options that were not typed are taken from environment and configuration files, where these say something. */
function withSettings(options: GlobalOptions, environment: Environment, given: ReadonlySet<string>): GlobalOptions {
  const { endpoint, device, threads, seed, precision } = environment;
  const settings = Object.entries({ endpoint, device, threads, seed, precision });
  return { ...options, ...Object.fromEntries(settings.filter(([name, value]) => value !== undefined && !given.has(name))) };
}

/** Says what went wrong. @returns the exit code */
function report(error: unknown, output: Output, interrupts: Interrupts): number {
  if (error instanceof CommanderError) return reportUsage(error, output);
  const exitCode = interrupts.signal.aborted ? ExitCode.cancelled : exitCodeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  output.error({ error: { ...describe(error), message, exitCode } }, exitCode === ExitCode.cancelled ? 'cancelled' : message);
  if (error instanceof RunFailed) output.note(`Once the cause is gone, go on where it stopped with "rift resume ${error.runId}".`);
  return exitCode;
}

function describe(error: unknown): object {
  if (!(error instanceof ServiceError)) return { code: 'INTERNAL' };
  const violations = error instanceof InvalidArgument ? { violations: error.violations } : {};
  return { code: error.kind.reason, ...error.fields, ...violations };
}

function reportUsage(error: CommanderError, output: Output): number {
  // Help and version that were asked for.
  if (error.exitCode === 0) return ExitCode.done;
  // Help that stands for a missing command is on standard error already.
  if (error.code === 'commander.help') {
    output.error(
      { error: { code: 'USAGE', message: 'a command is missing', exitCode: ExitCode.usage } },
      'a command is missing; see the list above',
    );
    return ExitCode.usage;
  }
  const text = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  const message = `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?)]$/.test(text) ? '' : '.'}`;
  output.error({ error: { code: 'USAGE', message, exitCode: ExitCode.usage } }, message);
  return ExitCode.usage;
}
