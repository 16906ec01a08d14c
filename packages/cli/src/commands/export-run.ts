import type { Run } from '@rift/contracts';
import type { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RiftClient } from '@rift/client';

import { usageError } from '../errors.js';
import { writeMlflow } from '../export/mlflow.js';
import { runRecord } from '../export/record.js';
import { CLAIMS, collectClaim, robustBenchRecord, type Claims } from '../export/robustbench.js';
import { writeTensorBoard } from '../export/tensorboard.js';
import { pairs } from '../output/table.js';
import { withClient, type Session } from '../session.js';
import { example, type StartSession } from './context.js';

interface Options {
  readonly tensorboard?: string;
  readonly mlflow?: string;
  readonly robustbench?: string;
  readonly claim?: Claims;
}

/** Adds `rift export-run`. */
export function registerExportRun(program: Command, start: StartSession): void {
  program
    .command('export-run')
    .description('write a run for TensorBoard, MLflow or RobustBench')
    .argument('<run>', 'identifier of the run')
    .option('--tensorboard <folder>', "event file in a folder of the run's own under this one")
    .option('--mlflow <folder>', "run in the layout of MLflow's file store (mlruns), with report and network")
    .option('--robustbench <file>', "result record of AutoAttack in RobustBench's model_info form")
    .option('--claim <name=value>', `what such a record needs and a run does not know (repeatable): ${CLAIMS.join(', ')}`, collectClaim)
    .addHelpText(
      'after',
      example(
        'rift export-run 0198c2f0-… --tensorboard logs --mlflow mlruns',
        'rift export-run 0198c2f0-… --robustbench Me2026.json --claim dataset=cifar10',
      ),
    )
    .action(async (id: string, options: Options, self: Command) => exportRun(start(self), id, options));
}

async function exportRun(session: Session, id: string, options: Options): Promise<void> {
  const { tensorboard, mlflow, robustbench } = options;
  if (tensorboard === undefined && mlflow === undefined && robustbench === undefined)
    throw usageError('Say where the run goes: --tensorboard FOLDER, --mlflow FOLDER, --robustbench FILE, or several of them.');
  await withClient(session, async (client) => {
    const { signal } = session.interrupts;
    const run = await client.runs.get(id, { signal });
    const record = runRecord(run);
    const written: Record<string, string> = {};
    if (robustbench !== undefined) written['robustbench'] = await writeRobustBench(client, run, robustbench, options.claim ?? {}, signal);
    if (tensorboard !== undefined) written['tensorboard'] = await writeTensorBoard(record, tensorboard);
    if (mlflow !== undefined)
      written['mlflow'] = await writeMlflow(record, mlflow, (digest, path) => client.artifacts.downloadFile(digest, path, { signal }));
    session.output.result({ runId: id, ...written }, () => pairs(Object.entries(written)));
  });
}

async function writeRobustBench(client: RiftClient, run: Run, path: string, claims: Claims, signal: AbortSignal): Promise<string> {
  const { network } = await client.catalog.getNetwork(run.settings?.network ?? '', { signal });
  if (network === null) throw usageError(`Run ${run.id} names no network.`);
  const document = robustBenchRecord(run, network, claims);
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${randomUUID().slice(0, 8)}.part`;
  await writeFile(draft, `${JSON.stringify(document, null, 2)}\n`, { flush: true });
  await rename(draft, path);
  return path;
}
