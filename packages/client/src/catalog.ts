import {
  CatalogServiceConstructor,
  type DatasetEntry,
  type ExportFormat,
  type ImportDatasetRequestInput,
  type ImportNetworkRequestInput,
  type NetworkEntry,
} from '@rift/contracts';
import type { Peer } from '@rift/service-kit/client';

import { pages, present, type CallOptions } from './calls.js';

const methods = CatalogServiceConstructor.service;

/** Reading and checking a large file takes the trainer a while. */
const IMPORT_TIMEOUT_MS = 30 * 60_000;

/** Names for networks and data sets. Every call fails with the error class that the service threw. */
export class Catalog {
  constructor(private readonly peer: Peer) {}

  /** Makes a network of an uploaded file, and registers it when `name` is not empty. */
  async importNetwork(name: string, request: ImportNetworkRequestInput, options: CallOptions = {}): Promise<NetworkEntry> {
    const calling = { idempotent: true, timeoutMs: IMPORT_TIMEOUT_MS, ...options };
    const { entry } = await this.peer.unary(methods.ImportNetwork, { name, import: request }, calling);
    return present(entry, 'ImportNetwork', 'entry');
  }

  /** Writes a network (name or digest) as a file. @returns the file's digest, to be downloaded */
  async exportNetwork(network: string, format: ExportFormat, options: CallOptions = {}): Promise<string> {
    const calling = { idempotent: true, timeoutMs: IMPORT_TIMEOUT_MS, ...options };
    const { fileDigest } = await this.peer.unary(methods.ExportNetwork, { network, format }, calling);
    return fileDigest;
  }

  /** What is in a network (name or digest). @throws NotFound */
  async getNetwork(network: string, options: CallOptions = {}): Promise<NetworkEntry> {
    const { entry } = await this.peer.unary(methods.GetNetwork, { network }, { idempotent: true, ...options });
    return present(entry, 'GetNetwork', 'entry');
  }

  /** The registered networks, newest first. */
  listNetworks(options: CallOptions = {}): AsyncGenerator<NetworkEntry, void, void> {
    return pages(async (pageToken) => {
      const page = await this.peer.unary(methods.ListNetworks, { pageToken, pageSize: 100 }, { idempotent: true, ...options });
      return { items: page.entries, nextPageToken: page.nextPageToken };
    });
  }

  /** Removes a name. */
  async deleteNetwork(name: string, options: CallOptions = {}): Promise<void> {
    await this.peer.unary(methods.DeleteNetwork, { name }, { idempotent: true, ...options });
  }

  /** Registers a data set from a folder that the trainers can read. */
  async importDataset(request: ImportDatasetRequestInput, options: CallOptions = {}): Promise<DatasetEntry> {
    const calling = { idempotent: true, timeoutMs: IMPORT_TIMEOUT_MS, ...options };
    const { entry } = await this.peer.unary(methods.ImportDataset, { import: request }, calling);
    return present(entry, 'ImportDataset', 'entry');
  }

  /** What is in a data set (name or digest). @throws NotFound */
  async getDataset(dataset: string, options: CallOptions = {}): Promise<DatasetEntry> {
    const { entry } = await this.peer.unary(methods.GetDataset, { dataset }, { idempotent: true, ...options });
    return present(entry, 'GetDataset', 'entry');
  }

  /** The registered data sets, newest first. */
  listDatasets(options: CallOptions = {}): AsyncGenerator<DatasetEntry, void, void> {
    return pages(async (pageToken) => {
      const page = await this.peer.unary(methods.ListDatasets, { pageToken, pageSize: 100 }, { idempotent: true, ...options });
      return { items: page.entries, nextPageToken: page.nextPageToken };
    });
  }

  /** Removes a name. */
  async deleteDataset(name: string, options: CallOptions = {}): Promise<void> {
    await this.peer.unary(methods.DeleteDataset, { name }, { idempotent: true, ...options });
  }

  /** Makes an adversarial set of an uploaded .npz file. */
  async importAdversarialSet(fileDigest: string, fileName: string, options: CallOptions = {}): Promise<{ digest: string; count: number }> {
    const calling = { idempotent: true, timeoutMs: IMPORT_TIMEOUT_MS, ...options };
    return this.peer.unary(methods.ImportAdversarialSet, { fileDigest, fileName }, calling);
  }
}
