import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { printed } from './errors.js';

/** The settings cannot be used; the message names every bad variable at once. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';

  constructor(readonly problems: readonly string[]) {
    super(
      `${problems.length === 1 ? 'One environment variable is' : `${problems.length} environment variables are`} wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads settings from environment variables: the schema's keys are their names. An empty variable counts as not set.
 * `NAME_FILE` names a file that holds the value of NAME (secrets); giving both is refused.
 * @returns the frozen, typed settings
 * @throws EnvironmentError naming all bad variables
 */
export function readEnvironment<S extends z.ZodRawShape>(shape: S, variables: Variables): Readonly<z.output<z.ZodObject<S>>> {
  const problems: string[] = [];
  const given: Record<string, string> = {};
  for (const name of Object.keys(shape)) {
    const value = valueOf(name, variables, problems);
    if (value !== undefined) given[name] = value;
  }
  const result = z.object(shape).safeParse(given);
  if (!result.success) {
    for (const issue of result.error.issues) {
      const name = String(issue.path[0] ?? '');
      const value = given[name];
      if (value !== undefined) problems.push(`${name} is ${printed(value)}: ${issue.message}`);
      else if (!problems.some((problem) => problem.startsWith(name))) problems.push(`${name} is not set: it has no default`);
    }
  }
  if (problems.length > 0 || !result.success) throw new EnvironmentError(problems);
  return Object.freeze(result.data);
}

function valueOf(name: string, variables: Variables, problems: string[]): string | undefined {
  const direct = variables[name] === '' ? undefined : variables[name];
  const file = variables[`${name}_FILE`];
  if (file === undefined || file === '') return direct;
  if (direct !== undefined) {
    problems.push(`${name} and ${name}_FILE are both set: give one of them`);
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    problems.push(`${name}_FILE is ${file}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Schemas of the kinds of settings that every service has. */
export const setting = {
  /** TCP port; 0 lets the system choose one. */
  port: () => z.string().regex(/^\d+$/, 'must be a port number').transform(Number).pipe(z.number().max(65535, 'must be at most 65535')),
  /** Whole number within limits. */
  integer: (min: number, max: number) =>
    z
      .string()
      .regex(/^-?\d+$/, 'must be a whole number')
      .transform(Number)
      .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`)),
  /** true or false, nothing else. */
  flag: () => z.enum(['true', 'false'], 'must be true or false').transform((value) => value === 'true'),
  /** One of the words. */
  oneOf: <const W extends readonly [string, ...string[]]>(words: W) => z.enum(words, `must be one of ${words.join(', ')}`),
  /** HOST:PORT, with IPv6 hosts in brackets. */
  address: () => z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^\s:[\]/]+):\d{1,5}$/, 'must be HOST:PORT'),
  /** Address of an OpenTelemetry collector that takes OTLP over HTTP. */
  collector: () =>
    z
      .string()
      .regex(/^https?:\/\/[^\s?#]+$/, 'must be an address such as http://collector:4318')
      .optional(),
  /** Any text that is not empty. */
  text: () => z.string().min(1, 'must not be empty'),
};
