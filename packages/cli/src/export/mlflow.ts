import { createHash } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { RunRecord } from './record.js';
import { replaceFolder } from './replace-folder.js';

const EXPERIMENT = 'rift';
/** MLflow's RunStatus. */
const FINISHED = 3;
const FAILED = 4;
/** MLflow's SourceType for code run on this machine. */
const LOCAL = 4;

/** Identifier of the experiment: a number of 18 digits that depends on its name alone, so that every export finds the same one. */
const EXPERIMENT_ID = (BigInt(`0x${createHash('sha256').update(EXPERIMENT).digest('hex').slice(0, 15)}`) % 10n ** 18n)
  .toString()
  .padStart(18, '1');

/**
 * Writes a run in the layout of MLflow's file store, under the experiment "rift". An earlier export of the run is replaced.
 *
 * @param folder MLflow's tracking folder (mlruns)
 * @param fetch brings the file of a digest to a path
 * @returns the run's folder in it
 */
export async function writeMlflow(
  record: RunRecord,
  folder: string,
  fetch: (digest: string, path: string) => Promise<unknown>,
): Promise<string> {
  const experiment = join(resolve(folder), EXPERIMENT_ID);
  await ensureExperiment(experiment, record.startedAt);
  const id = record.id.replaceAll('-', '');
  const path = join(experiment, id);
  await replaceFolder(path, async (draft) => {
    await put(draft, 'meta.yaml', runMeta(record, id, path));
    for (const [name, value] of Object.entries(record.parameters)) await put(draft, join('params', name), value);
    for (const [name, lines] of metricLines(record)) await put(draft, join('metrics', name), lines);
    const tags = { 'mlflow.runName': record.name, 'mlflow.source.name': 'rift', 'mlflow.user': 'rift', 'rift.run_id': record.id };
    for (const [name, value] of Object.entries({ ...tags, ...noteOf(record) })) await put(draft, join('tags', name), value);
    await mkdir(join(draft, 'artifacts'));
    for (const [name, digest] of Object.entries(record.files)) await fetch(digest, join(draft, 'artifacts', name));
  });
  return path;
}

async function put(folder: string, name: string, content: string): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content, { flush: true });
}

/** MLflow shows this tag as the run's description. */
function noteOf({ texts }: RunRecord): Record<string, string> {
  const { verdict } = texts;
  return verdict === undefined ? {} : { 'mlflow.note.content': verdict };
}

async function ensureExperiment(path: string, createdAt: number): Promise<void> {
  const meta = join(path, 'meta.yaml');
  const exists = await access(meta).then(
    () => true,
    () => false,
  );
  if (exists) return;
  const content = yaml({
    artifact_location: pathToFileURL(path).href,
    creation_time: createdAt,
    experiment_id: EXPERIMENT_ID,
    last_update_time: createdAt,
    lifecycle_stage: 'active',
    name: EXPERIMENT,
  });
  await put(path, 'meta.yaml', content);
}

function runMeta({ name, startedAt, endedAt, succeeded }: RunRecord, id: string, path: string): string {
  return yaml({
    artifact_uri: pathToFileURL(join(path, 'artifacts')).href,
    end_time: endedAt,
    entry_point_name: '',
    experiment_id: EXPERIMENT_ID,
    lifecycle_stage: 'active',
    run_id: id,
    run_name: name,
    run_uuid: id,
    source_name: '',
    source_type: LOCAL,
    source_version: '',
    start_time: startedAt,
    status: succeeded ? FINISHED : FAILED,
    user_id: 'rift',
  });
}

/** A flat YAML mapping; JSON's texts are YAML's. */
function yaml(entries: Readonly<Record<string, string | number>>): string {
  return `${Object.entries(entries)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join('\n')}\n`;
}

/** Metrics by name, a line "time value step" for each step. */
function metricLines({ scalars, endedAt }: RunRecord): Map<string, string> {
  const lines = new Map<string, string>();
  for (const { tag, step, value } of scalars) lines.set(tag, `${lines.get(tag) ?? ''}${endedAt} ${value} ${step}\n`);
  return lines;
}
