import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, UseGuards } from '@nestjs/common';
import type {
  CatalogServiceExportNetworkRequest,
  CatalogServiceImportAdversarialSetRequest,
  CatalogServiceImportDatasetRequest,
  CatalogServiceImportNetworkRequest,
  ListDatasetsRequest,
  ListNetworksRequest,
} from '@rift/contracts';
import type { Request } from 'express';
import { datasetEntry, networkEntry, pageOf, required } from '../catalog/catalog-messages.js';
import { CatalogService } from '../catalog/catalog-service.js';
import { AccessGuard, Needs } from '../http/needs.js';
import { encodeMessage, type Json } from './encode.js';
import { bodyOf, noQuery, queryOf } from './request.js';

const PACKAGE = 'rift.orchestrator.v1';

/** Networks and data sets over HTTP. */
@Controller('api/v1')
@UseGuards(AccessGuard)
export class CatalogRest {
  constructor(@Inject(CatalogService) private readonly catalog: CatalogService) {}

  @Get('networks')
  @Needs('read')
  async networks(@Req() request: Request): Promise<Json> {
    const page = queryOf<ListNetworksRequest>(request, `${PACKAGE}.ListNetworksRequest`);
    const { entries, nextPageToken } = await pageOf(this.catalog.networks, page);
    return encodeMessage(`${PACKAGE}.ListNetworksResponse`, { entries: entries.map(networkEntry), nextPageToken });
  }

  @Post('networks')
  @Needs('submit')
  async importNetwork(@Req() request: Request): Promise<Json> {
    noQuery(request);
    const { name, import: what } = bodyOf<CatalogServiceImportNetworkRequest>(request, `${PACKAGE}.CatalogServiceImportNetworkRequest`);
    return encodeMessage(`${PACKAGE}.NetworkEntry`, networkEntry(await this.catalog.importNetwork(name, required(what))));
  }

  @Get('networks/:network')
  @Needs('read')
  async network(@Param('network') name: string, @Req() request: Request): Promise<Json> {
    noQuery(request);
    return encodeMessage(`${PACKAGE}.NetworkEntry`, networkEntry(await this.catalog.getNetwork(name)));
  }

  @Delete('networks/:network')
  @HttpCode(204)
  @Needs('admin')
  async removeNetwork(@Param('network') name: string): Promise<void> {
    await this.catalog.removeNetwork(name);
  }

  @Post('networks/:network/export')
  @HttpCode(200)
  @Needs('submit')
  async exportNetwork(@Param('network') network: string, @Req() request: Request): Promise<Json> {
    noQuery(request);
    const message = `${PACKAGE}.CatalogServiceExportNetworkRequest`;
    const { format } = bodyOf<CatalogServiceExportNetworkRequest>(request, message, { network });
    const fileDigest = await this.catalog.exportNetwork(network, format);
    return encodeMessage(`${PACKAGE}.CatalogServiceExportNetworkResponse`, { fileDigest });
  }

  @Get('datasets')
  @Needs('read')
  async datasets(@Req() request: Request): Promise<Json> {
    const page = queryOf<ListDatasetsRequest>(request, `${PACKAGE}.ListDatasetsRequest`);
    const { entries, nextPageToken } = await pageOf(this.catalog.datasets, page);
    return encodeMessage(`${PACKAGE}.ListDatasetsResponse`, { entries: entries.map(datasetEntry), nextPageToken });
  }

  @Post('datasets')
  @Needs('submit')
  async importDataset(@Req() request: Request): Promise<Json> {
    noQuery(request);
    const { import: what } = bodyOf<CatalogServiceImportDatasetRequest>(request, `${PACKAGE}.CatalogServiceImportDatasetRequest`);
    return encodeMessage(`${PACKAGE}.DatasetEntry`, datasetEntry(await this.catalog.importDataset(required(what))));
  }

  @Get('datasets/:dataset')
  @Needs('read')
  async dataset(@Param('dataset') name: string, @Req() request: Request): Promise<Json> {
    noQuery(request);
    return encodeMessage(`${PACKAGE}.DatasetEntry`, datasetEntry(await this.catalog.getDataset(name)));
  }

  @Delete('datasets/:dataset')
  @HttpCode(204)
  @Needs('admin')
  async removeDataset(@Param('dataset') name: string): Promise<void> {
    await this.catalog.removeDataset(name);
  }

  @Post('adversarial-sets')
  @Needs('submit')
  async importAdversarialSet(@Req() request: Request): Promise<Json> {
    noQuery(request);
    const message = `${PACKAGE}.CatalogServiceImportAdversarialSetRequest`;
    const made = await this.catalog.importAdversarialSet(bodyOf<CatalogServiceImportAdversarialSetRequest>(request, message));
    return encodeMessage(`${PACKAGE}.CatalogServiceImportAdversarialSetResponse`, made);
  }
}
