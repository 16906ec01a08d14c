import type { RiftClient } from '@rift/client';
import type { NetworkInfo } from '@rift/contracts';
import type { Command } from 'commander';
import { extname } from 'node:path';

import { usageError } from '../errors.js';
import { artifactKind } from '../inputs/files.js';
import { importArtifact, importCheckpoint, type CheckpointOptions } from '../inputs/networks.js';
import { checkFile, checkNetworkArgument } from '../inputs/preflight.js';
import { bytes, count, percent } from '../output/format.js';
import { pairs, table } from '../output/table.js';
import { choose, wordsOf } from '../parse/vocabulary.js';
import { withClient, type Session } from '../session.js';
import { example, networkOf, type StartSession } from './context.js';
import { addCheckpointOptions } from './options.js';

/** What a file to import may be. */
const IMPORT_FORMATS = ['checkpoint', 'torchscript'] as const;
type ImportFormat = (typeof IMPORT_FORMATS)[number];

interface ImportOptions extends CheckpointOptions {
  readonly format?: ImportFormat;
  readonly name?: string;
  readonly output?: string;
}

/** Adds `rift import`, `inspect` and `export`. */
export function registerNetworks(program: Command, start: StartSession): void {
  const importing = program
    .command('import')
    .summary('make a network artifact of a PyTorch, safetensors or TorchScript file')
    .description(
      'make a network artifact of a PyTorch (.pth, .pt) or safetensors checkpoint, of which nothing is executed, or of a TorchScript program; a network artifact is taken as it is, with its architecture, normalisation, metrics and parents',
    )
    .argument('<file>', 'checkpoint');
  addCheckpointOptions(importing)
    .option(
      '--format <format>',
      'checkpoint, or torchscript: a program of any architecture, refused unless RIFT_ALLOW_TORCHSCRIPT=true (default: checkpoint)',
      (text) => choose(wordsOf(IMPORT_FORMATS), text, '--format'),
    )
    .option('--name <name>', 'register it under this name')
    .option('-o, --output <file>', 'write the network artifact there (.safetensors)')
    .addHelpText(
      'after',
      example(
        'rift import rift-output/RUN/network.safetensors --name hardened',
        'rift import resnet18.pth --arch resnet18 --width 64 --classes 10 --preprocess cifar10 -o net.safetensors',
        'RIFT_ALLOW_TORCHSCRIPT=true rift import model.pt --format torchscript --classes 10 --preprocess none -o net.safetensors',
      ),
    )
    .action(async (file: string, options: ImportOptions, self: Command) => importNetwork(start(self), file, withArchitecture(options)));

  addCheckpointOptions(
    program.command('inspect').description('say what is in a network').argument('<network>', 'file, registered name or SHA-256'),
  )
    .addHelpText('after', example('rift inspect net.safetensors'))
    .action(async (network: string, options: CheckpointOptions, self: Command) => inspectNetwork(start(self), network, options));

  addCheckpointOptions(
    program
      .command('export')
      .description('write a network for PyTorch (.pth) or as safetensors')
      .argument('<network>', 'file, registered name or SHA-256'),
  )
    .requiredOption('-o, --output <file>', 'where it goes: .pth, .safetensors or, of a TorchScript network, .pt')
    .addHelpText('after', example('rift export net.safetensors -o net.pth'))
    .action(async (network: string, options: CheckpointOptions & { output: string }, self: Command) =>
      exportNetwork(start(self), network, options),
    );
}

function networkDocument(info: NetworkInfo) {
  const { arch, width, classes, inputSize, preprocess, classNames, parameters, modules, metrics, parents, notes, digest } = info;
  return {
    digest,
    arch,
    width,
    classes,
    inputSize,
    preprocess: { name: preprocess?.name ?? 'none', mean: preprocess?.mean ?? [], std: preprocess?.standardDeviation ?? [] },
    classNames,
    parameters,
    modules,
    metrics,
    parents,
    notes,
  };
}

function networkText(info: NetworkInfo, columns: number): string {
  const { name, mean, std } = networkDocument(info).preprocess;
  const facts: (readonly [string, string])[] = [
    ['architecture', `${info.arch}, width ${info.width}, ${info.classes} classes, ${info.inputSize}×${info.inputSize} pixels`],
    ['normalisation', name === 'none' ? 'none' : `${name} (mean ${mean.join(', ')}; std ${std.join(', ')})`],
    ['parameters', count(info.parameters)],
    ...Object.entries(info.metrics).map(([metric, value]) => [metric, value >= 0 && value <= 1 ? percent(value) : String(value)] as const),
    ...(info.parents.length === 0 ? [] : [['made from', info.parents.join(', ')] as const]),
    ['digest', info.digest],
    ...info.notes.map((note) => ['note', note] as const),
  ];
  const modules = table(
    [{ title: 'module' }, { title: 'kind' }, { title: 'shape' }, { title: 'weights', right: true }],
    info.modules.map((module) => [module.name, module.kind, module.shape.join('×'), count(module.parameters)]),
    columns,
  );
  return `${pairs(facts)}\n\n${modules}`;
}

/** A TorchScript program is an architecture of its own. @throws a usage error where both are said and disagree */
function withArchitecture(options: ImportOptions): ImportOptions {
  if (options.format !== 'torchscript') return options;
  if (options.arch !== undefined && options.arch !== 'torchscript')
    throw usageError(`--format torchscript needs no --arch ${options.arch}: the program is the architecture.`);
  return { ...options, arch: 'torchscript' };
}

/** What a file that is no network artifact leaves unsaid. @throws a usage error naming the flag */
function checkSaid({ arch, preprocess }: ImportOptions): void {
  if (arch === undefined) throw usageError('Say which architecture the checkpoint has: --arch resnet18.');
  if (preprocess === undefined) {
    throw usageError(
      'Say how the network normalises its input: --preprocess cifar10, cifar100, imagenet, none or MEAN/STD. A wrong one ruins every accuracy.',
    );
  }
}

async function importNetwork(session: Session, file: string, options: ImportOptions): Promise<void> {
  if (options.output !== undefined && extname(options.output).toLowerCase() !== '.safetensors') {
    throw usageError(`-o ${options.output} must end in .safetensors: "rift export" writes .pth files.`);
  }
  if (options.output === undefined && options.name === undefined)
    throw usageError('Say what becomes of the network: -o FILE, --name NAME, or both.');
  await checkFile(file, 'FILE');
  const isArtifact = (await artifactKind(file)) === 'network';
  if (!isArtifact) checkSaid(options);
  await withClient(session, async (client) => {
    const { signal } = session.interrupts;
    const { digest, size } = await client.artifacts.uploadFile(file, { signal });
    session.output.note(`reading ${file} (${bytes(size)}${isArtifact ? ', a network artifact that says itself what it is' : ''})`);
    const take = isArtifact ? importArtifact : importCheckpoint;
    const info = await take(client, { digest, path: file, name: options.name ?? '', options }, signal);
    if (options.output !== undefined) await client.artifacts.downloadFile(info.digest, options.output, { signal });
    const network = options.output ?? options.name ?? info.digest;
    session.output.result({ network, ...networkDocument(info) }, (columns) => `${networkText(info, columns)}\n\nnetwork  ${network}`);
  });
}

async function inspectNetwork(session: Session, given: string, options: CheckpointOptions): Promise<void> {
  await checkNetworkArgument(given, 'NETWORK', options);
  await withClient(session, async (client) => {
    const info = await networkOf(session, client, given, options, 'NETWORK');
    session.output.result(networkDocument(info), (columns) => networkText(info, columns));
  });
}

/** The artifact is a safetensors file that any reader opens; its manifest is metadata, which "rift import" finds again. */
async function wholeArtifact({ interrupts, output }: Session, client: RiftClient, { digest }: NetworkInfo, path: string): Promise<void> {
  const { size } = await client.artifacts.downloadFile(digest, path, { signal: interrupts.signal });
  output.result({ file: path, network: digest, format: 'safetensors', size }, () => `${path} (${bytes(size)})`);
}

async function exportNetwork(session: Session, given: string, options: CheckpointOptions & { output: string }): Promise<void> {
  const ending = extname(options.output).toLowerCase();
  if (ending !== '.pth' && ending !== '.pt' && ending !== '.safetensors') {
    throw usageError(`-o ${options.output} must end in .pth, .pt or .safetensors, which says the format.`);
  }
  await checkNetworkArgument(given, 'NETWORK', options);
  await withClient(session, async (client) => {
    const { signal } = session.interrupts;
    const info = await networkOf(session, client, given, options, 'NETWORK');
    if (ending === '.safetensors' && info.arch !== 'torchscript') {
      await wholeArtifact(session, client, info, options.output);
      return;
    }
    const program = ending === '.pt' && info.arch === 'torchscript' ? 'EXPORT_FORMAT_TORCHSCRIPT' : 'EXPORT_FORMAT_PTH';
    const format = ending === '.safetensors' ? 'EXPORT_FORMAT_SAFETENSORS' : program;
    const digest = await client.catalog.exportNetwork(info.digest, format, { signal });
    const { size } = await client.artifacts.downloadFile(digest, options.output, { signal });
    session.output.result(
      { file: options.output, network: info.digest, format: ending.slice(1), size },
      () => `${options.output} (${bytes(size)})`,
    );
  });
}
