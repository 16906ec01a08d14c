import type { RiftClient } from '@rift/client';
import { contradictions, type DeclaredNetwork, type NetworkInfo, type Preprocess } from '@rift/contracts';
import { InvalidArgument, NotFound } from '@rift/service-kit/client';
import { basename } from 'node:path';

import { nearest } from '../parse/nearest.js';
import { artifactKind, isDigest, pathKind } from './files.js';
import { checkNetworkArgument } from './preflight.js';

/** What has to be said about a checkpoint that does not say it itself. */
export interface CheckpointOptions {
  readonly arch?: string;
  readonly width?: number;
  readonly classes?: number;
  readonly preprocess?: Preprocess;
  readonly inputSize?: number;
}

const CLASSES = 10;
const INPUT_SIZE = 32;

/**
 * The network that `--network` means: a file (network artifact, or PyTorch or safetensors checkpoint), a registered name or
 * a digest. Files are uploaded first.
 *
 * @param field the option, for messages
 * @throws NotFound, with the nearest registered name; InvalidArgument for a checkpoint of unknown architecture
 */
export async function resolveNetwork(
  client: RiftClient,
  given: string,
  field: string,
  options: CheckpointOptions,
  signal?: AbortSignal,
): Promise<NetworkInfo> {
  const calling = signal === undefined ? {} : { signal };
  await checkNetworkArgument(given, field, options);
  if ((await pathKind(given)) === 'file') return await networkOfFile(client, given, field, options, signal);
  try {
    const { network } = await client.catalog.getNetwork(given, calling);
    if (network === null) throw new NotFound('network', given);
    return network;
  } catch (error) {
    if (!(error instanceof NotFound) || isDigest(given)) throw error;
    const names: string[] = [];
    for await (const entry of client.catalog.listNetworks(calling)) names.push(entry.name);
    const near = nearest(given, names);
    throw new NotFound('network', given, near === undefined ? 'it is neither a file here nor a registered name' : `did you mean ${near}?`, {
      cause: error,
    });
  }
}

async function networkOfFile(
  client: RiftClient,
  path: string,
  field: string,
  options: CheckpointOptions,
  signal: AbortSignal | undefined,
): Promise<NetworkInfo> {
  const calling = signal === undefined ? {} : { signal };
  const { digest } = await client.artifacts.uploadFile(path, calling);
  if ((await artifactKind(path)) === 'network') {
    const { network } = await client.catalog.getNetwork(digest, calling);
    if (network === null) throw new InvalidArgument(field, path, 'the service knows nothing of it');
    refuseContradictions(network, options);
    return network;
  }
  return await importCheckpoint(client, { digest, path, name: '', options }, signal);
}

const FLAGS: Readonly<Record<keyof DeclaredNetwork, string>> = {
  arch: '--arch',
  width: '--width',
  classes: '--classes',
  inputSize: '--input-size',
  preprocess: '--preprocess',
};

/** An artifact says itself what it is. @throws InvalidArgument naming the flags that say otherwise */
function refuseContradictions(network: NetworkInfo, options: CheckpointOptions): void {
  const wrong = contradictions(network, options);
  if (wrong.length > 0) throw new InvalidArgument(wrong.map((one) => ({ ...one, field: FLAGS[one.field] })));
}

/** Takes an uploaded network artifact as it is, and registers it when a name is given. @throws InvalidArgument for flags that contradict it */
export async function importArtifact(
  client: RiftClient,
  { digest, path, name, options }: { digest: string; path: string; name: string; options: CheckpointOptions },
  signal?: AbortSignal,
): Promise<NetworkInfo> {
  const calling = signal === undefined ? {} : { signal };
  const { network } = await client.catalog.getNetwork(digest, calling);
  if (network === null) throw new InvalidArgument('file', path, 'the service knows nothing of it');
  refuseContradictions(network, options);
  if (name !== '') await client.catalog.importNetwork(name, { fileDigest: digest, fileName: basename(path) }, calling);
  return network;
}

/** Makes a network of an uploaded checkpoint, and registers it when a name is given. */
export async function importCheckpoint(
  client: RiftClient,
  { digest, path, name, options }: { digest: string; path: string; name: string; options: CheckpointOptions },
  signal?: AbortSignal,
): Promise<NetworkInfo> {
  const request = {
    fileDigest: digest,
    fileName: basename(path),
    arch: options.arch ?? '',
    width: options.width ?? 0,
    classes: options.classes ?? CLASSES,
    inputSize: options.inputSize ?? INPUT_SIZE,
    preprocess: options.preprocess ?? { name: 'none', mean: [], standardDeviation: [] },
    classNames: [],
  };
  const { network } = await client.catalog.importNetwork(name, request, signal === undefined ? {} : { signal });
  if (network === null) throw new InvalidArgument('file', path, 'the service made no network of it');
  return network;
}

/** Refuses a module that the network lacks, with the nearest name. */
export function checkModule(module: string, { modules }: Pick<NetworkInfo, 'modules'>): void {
  const known = modules.map(({ name }) => name);
  if (known.includes(module)) return;
  const near = nearest(module, known);
  throw new NotFound('module', module, near === undefined ? 'see the modules with "rift inspect"' : `did you mean ${near}?`);
}
