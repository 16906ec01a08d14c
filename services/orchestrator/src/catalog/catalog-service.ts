import { ConversionServiceConstructor, contradictions, type DatasetInfo, type ExportFormatInput, type NetworkInfo } from '@rift/contracts';
import type { ImportAdversarialSetRequestInput, ImportDatasetRequestInput, ImportNetworkRequestInput } from '@rift/contracts';
import { Internal, InvalidArgument, NotFound } from '@rift/service-kit';
import type { WorkerPool } from '../workers/worker-pool.js';
import type { CatalogEntry, EntryStore, NetworkInfoStore } from './catalog-store.js';
import type { DatasetReader } from './dataset-reader.js';
import type { NetworkFiles } from './network-file.js';

/** Names that a person may give: no digest, nothing that needs quoting. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const DIGEST = /^[0-9a-f]{64}$/;
/** Reading a large file takes its time; the trainer's own limit for such calls is two minutes. */
const CONVERSION_TIMEOUT_MS = 120_000;

const conversion = ConversionServiceConstructor.service;

/** A network or data set with its name, which is empty when it was found by digest. */
export type Found<Info> = Omit<CatalogEntry<Info>, 'createdAt'> & { readonly createdAt: Date | null };

/** Names for networks and data sets, and what is in them. Foreign files are read by the trainers alone. */
export class CatalogService {
  constructor(
    readonly networks: EntryStore<NetworkInfo>,
    readonly datasets: EntryStore<DatasetInfo>,
    private readonly infos: NetworkInfoStore,
    private readonly reader: DatasetReader,
    private readonly files: NetworkFiles,
    private readonly trainers: WorkerPool,
  ) {}

  /**
   * Makes a network of an uploaded file, and registers it when a name is given. A network artifact is one already: it is taken as it is,
   * with its metrics and parents.
   *
   * @throws InvalidArgument where the request contradicts an artifact's manifest.
   */
  async importNetwork(name: string, request: ImportNetworkRequestInput): Promise<Found<NetworkInfo>> {
    if (name !== '') checkName('name', name);
    const file = request.fileDigest ?? '';
    const info = DIGEST.test(file) && (await this.files.isNetwork(file)) ? await this.#asItIs(file, request) : await this.#made(request);
    return name === '' ? { name: '', info, createdAt: null } : this.networks.register(name, info);
  }

  async #asItIs(digest: string, request: ImportNetworkRequestInput): Promise<NetworkInfo> {
    const info = await this.networkInfo(digest);
    const wrong = contradictions(info, request);
    if (wrong.length > 0) throw new InvalidArgument(wrong.map((one) => ({ ...one, field: `import.${one.field}` })));
    return info;
  }

  async #made(request: ImportNetworkRequestInput): Promise<NetworkInfo> {
    const { network } = await this.#ask((peer) => peer.unary(conversion.ImportNetwork, request, OPTIONS));
    const info = present(network, 'network');
    await this.infos.keep(info);
    return info;
  }

  /** Writes a network as a file. @returns the file's digest */
  async exportNetwork(network: string, format: ExportFormatInput): Promise<string> {
    const digest = await this.networkDigest(network, 'network');
    const { fileDigest } = await this.#ask((peer) => peer.unary(conversion.ExportNetwork, { digest, format }, OPTIONS));
    return fileDigest;
  }

  /** Makes splits and a data set of files that the trainers can read, and registers it under its name. */
  async importDataset(request: ImportDatasetRequestInput): Promise<Found<DatasetInfo>> {
    const name = request.name ?? '';
    checkName('import.name', name);
    const { dataset } = await this.#ask((peer) => peer.unary(conversion.ImportDataset, request, OPTIONS));
    return this.datasets.register(name, present(dataset, 'data set'));
  }

  /** Makes an adversarial set of an uploaded .npz file. */
  async importAdversarialSet(request: ImportAdversarialSetRequestInput): Promise<{ digest: string; count: number }> {
    const { digest, count } = await this.#ask((peer) => peer.unary(conversion.ImportAdversarialSet, request, OPTIONS));
    return { digest, count };
  }

  /** @throws NotFound when neither a name nor an artifact is so called. */
  async getNetwork(nameOrDigest: string): Promise<Found<NetworkInfo>> {
    const entry = await this.networks.find(nameOrDigest);
    if (entry) return entry;
    if (!DIGEST.test(nameOrDigest)) throw unknownName('network', nameOrDigest);
    return { name: '', info: await this.networkInfo(nameOrDigest), createdAt: null };
  }

  /** @throws NotFound when neither a name nor an artifact is so called. */
  async getDataset(nameOrDigest: string): Promise<Found<DatasetInfo>> {
    const entry = await this.datasets.find(nameOrDigest);
    if (entry) return entry;
    if (!DIGEST.test(nameOrDigest)) throw unknownName('data set', nameOrDigest);
    return { name: '', info: await this.reader.read(nameOrDigest), createdAt: null };
  }

  /** What is in a network artifact. */
  async networkInfo(digest: string): Promise<NetworkInfo> {
    const known = await this.infos.find(digest);
    if (known) return known;
    const { network } = await this.#ask((peer) => peer.unary(conversion.InspectNetwork, { digest }, OPTIONS));
    const info = present(network, 'network');
    await this.infos.keep(info);
    return info;
  }

  /**
   * The digest that a name or digest in a request stands for.
   *
   * @param field of the request, for the error.
   */
  async networkDigest(nameOrDigest: string, field: string): Promise<string> {
    if (nameOrDigest === '') throw new InvalidArgument(field, '', 'must be the name or SHA-256 of a network');
    return (await this.getNetwork(nameOrDigest)).info.digest;
  }

  async removeNetwork(name: string): Promise<void> {
    if (!(await this.networks.remove(name))) throw unknownName('network', name);
  }

  async removeDataset(name: string): Promise<void> {
    if (!(await this.datasets.remove(name))) throw unknownName('data set', name);
  }

  #ask: WorkerPool['ask'] = (call) => this.trainers.ask(call);
}

const OPTIONS = { timeoutMs: CONVERSION_TIMEOUT_MS, idempotent: true };

function present<T>(value: T | null, what: string): T {
  if (value === null) throw new Internal(`The trainer answered without a ${what}.`);
  return value;
}

function unknownName(what: string, name: string): NotFound {
  return new NotFound(what, name, 'list those registered, or give a SHA-256');
}

function checkName(field: string, name: string): void {
  if (!NAME.test(name) || DIGEST.test(name)) {
    throw new InvalidArgument(
      field,
      name,
      'must be 1 to 100 of the characters A-Z a-z 0-9 . _ -, begin with a letter or digit and be no SHA-256',
    );
  }
}
