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
} from '@rift/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { datasetEntry, networkEntry, pageOf, required } from './catalog-messages.js';
import { CatalogService } from './catalog-service.js';

const SERVICE = SERVICE_NAMES.catalog;

/** rift.orchestrator.v1.CatalogService. */
@Controller()
export class CatalogController {
  constructor(@Inject(CatalogService) private readonly catalog: CatalogService) {}

  @GrpcMethod(SERVICE, 'ImportNetwork')
  async importNetwork(request: CatalogServiceImportNetworkRequest): Promise<CatalogServiceImportNetworkResponse> {
    return { entry: networkEntry(await this.catalog.importNetwork(request.name, required(request.import))) };
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
    const { entries, nextPageToken } = await pageOf(this.catalog.networks, request);
    return { entries: entries.map(networkEntry), nextPageToken };
  }

  @GrpcMethod(SERVICE, 'DeleteNetwork')
  async deleteNetwork({ name }: DeleteNetworkRequest): Promise<DeleteNetworkResponse> {
    await this.catalog.removeNetwork(name);
    return {};
  }

  @GrpcMethod(SERVICE, 'ImportDataset')
  async importDataset(request: CatalogServiceImportDatasetRequest): Promise<CatalogServiceImportDatasetResponse> {
    return { entry: datasetEntry(await this.catalog.importDataset(required(request.import))) };
  }

  @GrpcMethod(SERVICE, 'GetDataset')
  async getDataset({ dataset }: GetDatasetRequest): Promise<GetDatasetResponse> {
    return { entry: datasetEntry(await this.catalog.getDataset(dataset)) };
  }

  @GrpcMethod(SERVICE, 'ListDatasets')
  async listDatasets(request: ListDatasetsRequest): Promise<ListDatasetsResponse> {
    const { entries, nextPageToken } = await pageOf(this.catalog.datasets, request);
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
