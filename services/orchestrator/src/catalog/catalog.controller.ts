import {
  SERVICE_NAMES,
  type CatalogServiceExportNetworkRequest,
  type CatalogServiceExportNetworkResponse,
  type CatalogServiceImportAdversarialSetRequest,
  type CatalogServiceImportAdversarialSetResponse,
  type CatalogServiceImportDatasetRequest,
  type CatalogServiceImportDatasetResponse,
  type CatalogServiceImportNetworkRequest,
  type CatalogServiceImportNetworkResponse,
  type DatasetEntry,
  type DatasetInfo,
  type DeleteDatasetRequest,
  type DeleteDatasetResponse,
  type DeleteNetworkRequest,
  type DeleteNetworkResponse,
  type GetDatasetRequest,
  type GetDatasetResponse,
  type GetNetworkRequest,
  type GetNetworkResponse,
  type ListDatasetsRequest,
  type ListDatasetsResponse,
  type ListNetworksRequest,
  type ListNetworksResponse,
  type NetworkEntry,
  type NetworkInfo,
} from '@rift/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { InvalidArgument } from '@rift/service-kit';
import { pageCursor, pageSizeOf, pageToken } from '../messages/page-token.js';
import { timestampOf } from '../messages/timestamp.js';
import type { CatalogEntry, EntryStore } from './catalog-store.js';
import { CatalogService, type Found } from './catalog-service.js';

const SERVICE = SERVICE_NAMES.catalog;

/** rift.orchestrator.v1.CatalogService. */
@Controller()
export class CatalogController {
  constructor(@Inject(CatalogService) private readonly catalog: CatalogService) {}

  @GrpcMethod(SERVICE, 'ImportNetwork')
  async importNetwork(request: CatalogServiceImportNetworkRequest): Promise<CatalogServiceImportNetworkResponse> {
    return { entry: networkEntry(await this.catalog.importNetwork(request.name, given(request.import))) };
  }

  @GrpcMethod(SERVICE, 'ExportNetwork')
  async exportNetwork({ network, format }: CatalogServiceExportNetworkRequest): Promise<CatalogServiceExportNetworkResponse> {
    return { fileDigest: await this.catalog.exportNetwork(network, format) };
  }

  @GrpcMethod(SERVICE, 'GetNetwork')
  async getNetwork({ network }: GetNetworkRequest): Promise<GetNetworkResponse> {
    return { entry: networkEntry(await this.catalog.getNetwork(network)) };
  }

  @GrpcMethod(SERVICE, 'ListNetworks')
  async listNetworks(request: ListNetworksRequest): Promise<ListNetworksResponse> {
    const { entries, nextPageToken } = await page(this.catalog.networks, request);
    return { entries: entries.map(networkEntry), nextPageToken };
  }

  @GrpcMethod(SERVICE, 'DeleteNetwork')
  async deleteNetwork({ name }: DeleteNetworkRequest): Promise<DeleteNetworkResponse> {
    await this.catalog.removeNetwork(name);
    return {};
  }

  @GrpcMethod(SERVICE, 'ImportDataset')
  async importDataset(request: CatalogServiceImportDatasetRequest): Promise<CatalogServiceImportDatasetResponse> {
    return { entry: datasetEntry(await this.catalog.importDataset(given(request.import))) };
  }

  @GrpcMethod(SERVICE, 'GetDataset')
  async getDataset({ dataset }: GetDatasetRequest): Promise<GetDatasetResponse> {
    return { entry: datasetEntry(await this.catalog.getDataset(dataset)) };
  }

  @GrpcMethod(SERVICE, 'ListDatasets')
  async listDatasets(request: ListDatasetsRequest): Promise<ListDatasetsResponse> {
    const { entries, nextPageToken } = await page(this.catalog.datasets, request);
    return { entries: entries.map(datasetEntry), nextPageToken };
  }

  @GrpcMethod(SERVICE, 'DeleteDataset')
  async deleteDataset({ name }: DeleteDatasetRequest): Promise<DeleteDatasetResponse> {
    await this.catalog.removeDataset(name);
    return {};
  }

  @GrpcMethod(SERVICE, 'ImportAdversarialSet')
  importAdversarialSet(request: CatalogServiceImportAdversarialSetRequest): Promise<CatalogServiceImportAdversarialSetResponse> {
    return this.catalog.importAdversarialSet(request);
  }
}

function given<T>(request: T | null): T {
  if (request === null) throw new InvalidArgument('import', '', 'must be set');
  return request;
}

interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

async function page<Info extends { readonly digest: string }>(
  store: EntryStore<Info>,
  request: PageRequest,
): Promise<{ entries: CatalogEntry<Info>[]; nextPageToken: string }> {
  const size = pageSizeOf(request.pageSize);
  const after = pageCursor(request.pageToken);
  const found = await store.list(size + 1, after && { createdAt: after.createdAt, name: after.key });
  const entries = found.slice(0, size);
  const last = entries.at(-1);
  return { entries, nextPageToken: found.length > size && last ? pageToken({ createdAt: last.createdAt, key: last.name }) : '' };
}

function networkEntry({ name, info, createdAt }: Found<NetworkInfo>): NetworkEntry {
  return { name, network: info, createdAt: timestampOf(createdAt) };
}

function datasetEntry({ name, info, createdAt }: Found<DatasetInfo>): DatasetEntry {
  return { name, dataset: info, createdAt: timestampOf(createdAt) };
}
