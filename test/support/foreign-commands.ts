import { execFile, spawnSync } from 'node:child_process';
import process from 'node:process';

import { ROOT } from './documents.js';

/** An address where nobody listens. */
const NOWHERE = '127.0.0.1:9';

/** How a program takes a command apart without doing anything: everything it wants to reach is away. */
interface Parser {
  /** Arguments of a command, with what keeps it from doing something. */
  readonly harmless: (args: readonly string[]) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it says once the arguments are understood. */
  readonly understood: RegExp;
}

const PARSERS: Readonly<Record<string, Parser>> = {
  kubectl: {
    harmless: (args) => (args[0] === 'kustomize' ? args : [`--server=http://${NOWHERE}`, '--request-timeout=1s', ...args]),
    understood: /was refused|connection refused|no such file or directory|no objects passed to apply|^kind: /m,
  },
  aws: {
    harmless: (args) => [...args, '--dryrun', '--endpoint-url', `http://${NOWHERE}`],
    env: { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_EC2_METADATA_DISABLED: 'true', AWS_MAX_ATTEMPTS: '1' },
    understood: /Could not connect to the endpoint URL/,
  },
  pg_dump: {
    harmless: (args) => args.map((word) => (word === '$(…)' ? `postgresql://${NOWHERE}/none` : word)),
    understood: /Connection refused/,
  },
  docker: {
    harmless: (args) => args.map((word) => word.replace('REGISTRY', 'registry.example')),
    env: { DOCKER_HOST: `tcp://${NOWHERE}` },
    understood: /Cannot connect to the Docker daemon|connection refused/,
  },
};

/** The programs of other people whose commands are parsed by themselves. */
export const FOREIGN: readonly string[] = Object.keys(PARSERS);

/** Why a program cannot be asked on this machine; false when it can. */
export function absent(program: string): string | false {
  return spawnSync(program, [program === 'kubectl' ? 'version' : '--version', ...(program === 'kubectl' ? ['--client'] : [])]).status === 0
    ? false
    : `${program} is not installed here`;
}

/**
 * Lets a program take one of its commands apart, with everything out of reach that it would change or read.
 *
 * @throws what it said when it did not get past its arguments
 */
export async function parsedByItself([program = '', ...args]: readonly string[]): Promise<void> {
  const parser = PARSERS[program];
  if (parser === undefined) throw new Error(`nobody knows how to ask ${program}`);
  const said = await new Promise<string>((resolve) => {
    const options = { cwd: ROOT, env: { ...process.env, ...parser.env }, timeout: 60_000, maxBuffer: 1 << 24 };
    execFile(program, parser.harmless(args), options, (_, stdout, stderr) => resolve(`${stdout}${stderr}`)).stdin?.end();
  });
  if (!parser.understood.test(said)) throw new Error(`${program} ${args.join(' ')} is not understood:\n${said.slice(-2000)}`);
}
