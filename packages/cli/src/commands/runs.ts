import type { Run, RunState } from '@rift/contracts';
import { FailedPrecondition } from '@rift/service-kit/client';
import type { Command } from 'commander';
import { extname, join } from 'node:path';

import { usageError } from '../errors.js';
import { duration } from '../output/format.js';
import { table } from '../output/table.js';
import { integer } from '../parse/numbers.js';
import { RUN_STATES, choose } from '../parse/vocabulary.js';
import { OUTPUT_FOLDER } from '../results/save-network.js';
import { stageDocuments, runText } from '../results/any-run.js';
import { followRun } from '../runs/perform.js';
import { withClient, type Session } from '../session.js';
import { example, type StartSession } from './context.js';

/** Adds `rift runs`, `watch`, `cancel`, `resume` and `report`. */
export function registerRuns(program: Command, start: StartSession): void {
  program
    .command('runs')
    .description('list runs, newest first')
    .option('--state <name>', Object.keys(RUN_STATES).join(', '), (text) => choose(RUN_STATES, text, '--state'))
    .option('--limit <n>', 'how many', integer('--limit', { min: 1 }), 20)
    .addHelpText('after', example('rift runs --state failed'))
    .action(async (options: { state?: RunState; limit: number }, self: Command) => listRuns(start(self), options));
  program
    .command('watch')
    .description('show how a run goes until it ends; Ctrl-C leaves it running')
    .argument('<run>', 'identifier of the run')
    .addHelpText('after', example('rift watch 0198c2f0-…'))
    .action(async (id: string, _: object, self: Command) => watchRun(start(self), id));
  program
    .command('cancel')
    .description('stop a run; finished stages keep their results')
    .argument('<run>', 'identifier of the run')
    .addHelpText('after', example('rift cancel 0198c2f0-…'))
    .action(async (id: string, _: object, self: Command) => cancelRun(start(self), id));
  program
    .command('resume')
    .description('go on with a cancelled or failed run from its last finished unit of work')
    .argument('<run>', 'identifier of the run')
    .addHelpText('after', example('rift resume 0198c2f0-…'))
    .action(async (id: string, _: object, self: Command) => resumeRun(start(self), id));
  program
    .command('report')
    .description('fetch the report of a run')
    .argument('<run>', 'identifier of the run')
    .option('-o, --output <file>', 'where it goes: .html or .json (default: rift-output/RUN/report.html)')
    .addHelpText('after', example('rift report 0198c2f0-… -o report.html'))
    .action(async (id: string, options: { output?: string }, self: Command) => fetchReport(start(self), id, options.output));
}

const stateWord = (state: RunState): string => state.replace('RUN_STATE_', '').toLowerCase();

function secondsOf({ startedAt, endedAt }: Run): number | null {
  if (startedAt === null || endedAt === null) return null;
  return endedAt.seconds - startedAt.seconds + (endedAt.nanos - startedAt.nanos) / 1e9;
}

function dateOf({ createdAt }: Run): string | null {
  return createdAt === null ? null : new Date(createdAt.seconds * 1000).toISOString();
}

async function listRuns(session: Session, { state, limit }: { state?: RunState; limit: number }): Promise<void> {
  await withClient(session, async (client) => {
    const runs: Run[] = [];
    for await (const run of client.runs.list(state === undefined ? {} : { state }, { signal: session.interrupts.signal })) {
      runs.push(run);
      if (runs.length === limit) break;
    }
    const documents = runs.map((run) => ({
      runId: run.id,
      name: run.name,
      state: stateWord(run.state),
      createdAt: dateOf(run),
      seconds: secondsOf(run),
    }));
    session.output.result({ runs: documents }, (columns) =>
      documents.length === 0
        ? 'No runs yet.'
        : table(
            [
              { title: 'run', whole: true },
              { title: 'name' },
              { title: 'state', whole: true },
              { title: 'created', optional: true, whole: true },
              { title: 'time', right: true, optional: true },
            ],
            documents.map((run) => [
              run.runId,
              run.name,
              run.state,
              run.createdAt?.replace('T', ' ').slice(0, 19) ?? '',
              run.seconds === null ? '' : duration(run.seconds),
            ]),
            columns,
          ),
    );
  });
}

function showRun({ output }: Session, run: Run): void {
  output.result(
    { runId: run.id, name: run.name, state: stateWord(run.state), seconds: secondsOf(run), stages: stageDocuments(run) },
    (columns) => runText(run, columns),
  );
}

async function watchRun(session: Session, id: string): Promise<void> {
  await withClient(session, async (client) => {
    const run = await client.runs.get(id, { signal: session.interrupts.signal });
    showRun(session, await followRun(session, client, run, { cancelOnInterrupt: false }));
  });
}

async function cancelRun(session: Session, id: string): Promise<void> {
  await withClient(session, async (client) => {
    await client.runs.cancel(id, { signal: session.interrupts.signal });
    const run = await client.runs.waitFor(id, { signal: session.interrupts.signal });
    session.output.result({ runId: run.id, state: stateWord(run.state) }, () => `run ${run.id} is ${stateWord(run.state)}`);
  });
}

async function resumeRun(session: Session, id: string): Promise<void> {
  await withClient(session, async (client) => {
    const run = await client.runs.resume(id, { signal: session.interrupts.signal });
    showRun(session, await followRun(session, client, run, { cancelOnInterrupt: true }));
  });
}

async function fetchReport(session: Session, id: string, output: string | undefined): Promise<void> {
  const path = output ?? join(OUTPUT_FOLDER, id, 'report.html');
  const ending = extname(path).toLowerCase();
  if (ending !== '.html' && ending !== '.json') throw usageError(`-o ${path} must end in .html or .json, which says the kind of report.`);
  await withClient(session, async (client) => {
    const { signal } = session.interrupts;
    const run = await client.runs.get(id, { signal });
    const report = run.stages.map(({ result }) => result?.report).find((found) => found !== null && found !== undefined);
    if (report === undefined) throw new FailedPrecondition(`run ${id}`, `it has no report (it is ${stateWord(run.state)})`);
    await client.artifacts.downloadFile(ending === '.html' ? report.htmlDigest : report.jsonDigest, path, { signal });
    session.output.result({ runId: id, report: path, verdict: report.verdict }, () => path);
  });
}
