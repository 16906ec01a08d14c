import { Option, type Command } from 'commander';

import { usageError } from '../errors.js';
import { StackHost, StackTaken } from '../local/host.js';
import { FailedPrecondition, Unavailable } from '@rift/service-kit/client';
import { ChildFailed } from '../local/supervisor.js';
import { pairs } from '../output/table.js';
import { integer } from '../parse/numbers.js';
import type { Session } from '../session.js';
import { example, type StartSession } from './context.js';

interface Options {
  readonly trainers: number;
  readonly attackers: number;
  readonly port: number;
  readonly webPort: number;
}

/** Adds `rift up`. */
export function registerUp(program: Command, start: StartSession): void {
  const port = (name: string) => integer(name, { min: 0, max: 65_535 });
  program
    .command('up')
    .description('run all services on this machine in the foreground, with the web page; Ctrl-C stops them')
    .option('--trainers <n>', 'trainers, which share the threads', integer('--trainers', { min: 1, max: 64 }), 1)
    .option('--attackers <n>', 'attackers, which share the threads', integer('--attackers', { min: 1, max: 64 }), 1)
    .addOption(new Option('--port <n>', 'port of the gRPC services').argParser(port('--port')).default(0, 'a free one'))
    .addOption(new Option('--web-port <n>', 'port of the web page').argParser(port('--web-port')).default(0, 'a free one'))
    .addHelpText('after', example('rift up --port 50051 --web-port 8080'))
    .action(async (options: Options, self: Command) => runUp(start(self), options));
}

async function runUp(session: Session, options: Options): Promise<void> {
  const { environment, output, interrupts } = session;
  if (session.given.has('endpoint')) throw usageError('rift up starts services here; --endpoint, which names running ones, has no use.');
  const host = new StackHost({
    home: environment.home,
    environment: environment.inherited,
    threads: session.options.threads,
    device: session.options.device,
    ...options,
    stays: true,
    onEvent: (text) => output.note(output.style('dim', text)),
  });
  using cleanup = new DisposableStack();
  cleanup.use(interrupts.onSecond(() => host.kill()));
  interrupts.signal.addEventListener('abort', () => {
    output.note('stopping; Ctrl-C again kills');
    void host.stop();
  });
  try {
    await host.run(({ endpoint, web, attackers, trainers }) => {
      const document = { endpoint, web, attackers, trainers, home: environment.home };
      output.result(document, () =>
        pairs([
          ['gRPC', endpoint],
          ['web page', web],
          ['attackers', attackers.join(', ')],
          ['trainers', trainers.join(', ')],
          ['state', environment.home],
          ['use it', `rift runs --endpoint ${endpoint}`],
        ]),
      );
    });
  } catch (error) {
    if (error instanceof StackTaken)
      throw new FailedPrecondition(environment.home, `${error.message}; stop that one, or choose another folder with RIFT_HOME`);
    if (error instanceof ChildFailed) throw new Unavailable('the local services', error.message);
    throw error;
  }
}
