import type { DatasetEntry } from '@rift/contracts';
import { NotFound } from '@rift/service-kit/client';
import type { Command } from 'commander';
import { Command as Group } from 'commander';

import { usageError } from '../errors.js';
import { importPrepared, prepareImport, type DatasetOptions, type PreparedImport } from '../inputs/datasets.js';
import { pathKind } from '../inputs/files.js';
import { count, shortDigest } from '../output/format.js';
import { pairs, table } from '../output/table.js';
import { integer } from '../parse/numbers.js';
import { DATASET_FORMATS } from '../parse/vocabulary.js';
import { endpointOf, withClient, type Session } from '../session.js';
import { example, type StartSession } from './context.js';
import { datasetFormat } from './options.js';

/** Adds `rift data add` and `rift data list`. */
export function registerData(program: Command, start: StartSession): void {
  const group = new Group('data').description('register and list data sets');
  program.addCommand(group);
  group.copyInheritedSettings(program);
  group
    .command('add')
    .description('register a folder of images under a name')
    .argument('<name>', 'name: a-z, 0-9, -, _ and .')
    .argument('<path>', 'folder; with --endpoint a folder that the service can read')
    .option('--format <layout>', `${Object.keys(DATASET_FORMATS).join(', ')} (default: told by its files)`, datasetFormat)
    .option(
      '--held-out <n>',
      'training images to hold out as "val" where there is none (default: a tenth, at most 5000)',
      integer('--held-out'),
    )
    .addHelpText('after', example('rift data add cifar10 ./cifar-10-batches-bin --format cifar10'))
    .action(async (name: string, path: string, options: DatasetOptions, self: Command) => addDataset(start(self), name, path, options));
  group
    .command('list')
    .description('list the registered data sets')
    .addHelpText('after', example('rift data list'))
    .action(async (_: object, self: Command) => listDatasets(start(self)));
}

function datasetDocument({ name, dataset }: DatasetEntry) {
  const splits = Object.entries(dataset?.splits ?? {}).map(([split, info]) => [split, info.count] as const);
  return {
    name,
    classes: dataset?.classes ?? [],
    splits: Object.fromEntries(splits),
    imageSize: dataset?.imageSize ?? 0,
    notes: dataset?.notes ?? [],
    digest: dataset?.digest ?? '',
  };
}

/** What to send: read here where the folder is on this machine, left to the service where only it can see the folder. */
async function preparedFor(session: Session, path: string, options: DatasetOptions): Promise<PreparedImport> {
  const kind = await pathKind(path);
  if (kind === 'folder') return await prepareImport(path, options);
  if (kind === 'file') throw usageError(`${path} is a file; a data set is a folder.`);
  if (endpointOf(session) === undefined) throw new NotFound('folder', path, 'check the path');
  if (options.format === undefined) throw usageError(`${path} is not on this machine: say its layout with --format.`);
  return { path, format: options.format, heldOut: options.heldOut ?? 0 };
}

async function addDataset(session: Session, name: string, path: string, options: DatasetOptions): Promise<void> {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/.test(name)) {
    throw usageError(
      `The name ${JSON.stringify(name)} must begin with a letter or digit and hold at most 100 letters, digits, "-", "_" and ".".`,
    );
  }
  const prepared = await preparedFor(session, path, options);
  await withClient(session, async (client) => {
    session.output.note(`reading ${prepared.path} (${prepared.format})`);
    const document = datasetDocument(await importPrepared(client, name, prepared, session.options.seed, session.interrupts.signal));
    session.output.result(document, () =>
      pairs([
        ['name', document.name],
        [
          'images',
          Object.entries(document.splits)
            .map(([split, images]) => `${split} ${count(images)}`)
            .join(', '),
        ],
        ['classes', `${document.classes.length}: ${document.classes.slice(0, 10).join(', ')}${document.classes.length > 10 ? ', …' : ''}`],
        ['size', `${document.imageSize}×${document.imageSize} pixels`],
        ['digest', document.digest],
        ...document.notes.map((note) => ['note', note] as const),
      ]),
    );
  });
}

async function listDatasets(session: Session): Promise<void> {
  await withClient(session, async (client) => {
    const datasets: ReturnType<typeof datasetDocument>[] = [];
    for await (const entry of client.catalog.listDatasets({ signal: session.interrupts.signal })) datasets.push(datasetDocument(entry));
    session.output.result({ datasets }, (columns) =>
      datasets.length === 0
        ? 'No data sets yet; register one with "rift data add NAME PATH".'
        : table(
            [{ title: 'name' }, { title: 'classes', right: true }, { title: 'images' }, { title: 'digest', whole: true, optional: true }],
            datasets.map(({ name, classes, splits, digest }) => [
              name,
              String(classes.length),
              Object.entries(splits)
                .map(([split, images]) => `${split} ${count(images)}`)
                .join(', '),
              shortDigest(digest),
            ]),
            columns,
          ),
    );
  });
}
