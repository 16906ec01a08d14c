import { Controller, Get, Inject, Param, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type {
  CatalogServiceExportNetworkRequest,
  CatalogServiceImportDatasetRequest,
  CatalogServiceImportNetworkRequest,
} from '@rift/contracts';
import { NotFound } from '@rift/service-kit';
import type { Request, Response } from 'express';
import { ArtifactService } from '../artifacts/artifact-service.js';
import { datasetEntry, networkEntry, pageOf, required } from '../catalog/catalog-messages.js';
import { CatalogService } from '../catalog/catalog-service.js';
import { AccessGuard, Needs } from '../http/needs.js';
import { SplitPictures } from '../pictures/split-pictures.js';
import { sendArtifact } from '../rest/artifacts.rest.js';
import { decodeMessage } from '../rest/decode.js';
import * as datasets from './catalog/datasets.js';
import * as networks from './catalog/networks.js';
import { UNTOUCHED } from './forms/fields.js';
import { PageErrors } from './page-errors.js';
import { Site } from './site.js';
import { receiveForm } from './upload.js';

const PACKAGE = 'rift.orchestrator.v1';
const FIRST = { pageSize: 200, pageToken: '' };
const ENDINGS: Readonly<Record<CatalogServiceExportNetworkRequest['format'], string>> = {
  EXPORT_FORMAT_UNSPECIFIED: '',
  EXPORT_FORMAT_PTH: 'pth',
  EXPORT_FORMAT_SAFETENSORS: 'safetensors',
  EXPORT_FORMAT_TORCHSCRIPT: 'pt',
};
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Pages of networks, data sets and files. */
@Controller()
@UseGuards(AccessGuard)
@UseFilters(PageErrors)
export class CatalogWeb {
  readonly #pictures: SplitPictures;

  constructor(
    @Inject(CatalogService) private readonly catalog: CatalogService,
    @Inject(ArtifactService) private readonly artifacts: ArtifactService,
    @Inject(Site) private readonly site: Site,
  ) {
    this.#pictures = new SplitPictures(artifacts.store);
  }

  @Get('networks')
  @Needs('read')
  async networks(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { entries } = await pageOf(this.catalog.networks, FIRST);
    this.site.send(request, response, networks.networksPage(entries.map(networkEntry), UNTOUCHED, this.site.rightsOf(request)));
  }

  @Post('networks')
  @Needs('submit')
  async importNetwork(@Req() request: Request, @Res() response: Response): Promise<void> {
    const file = await receiveForm(request, response, this.artifacts);
    await this.site.submit(
      request,
      response,
      async (values) => {
        const message = decodeMessage<CatalogServiceImportNetworkRequest>(
          `${PACKAGE}.CatalogServiceImportNetworkRequest`,
          networks.importRequest(values, file),
        );
        const { name } = await this.catalog.importNetwork(message.name, required(message.import));
        return `/networks/${encodeURIComponent(name)}`;
      },
      async (form) => {
        const { entries } = await pageOf(this.catalog.networks, FIRST);
        return networks.networksPage(entries.map(networkEntry), form, this.site.rightsOf(request));
      },
    );
  }

  @Get('networks/:network')
  @Needs('read')
  async network(@Param('network') name: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    const found = networkEntry(await this.catalog.getNetwork(name));
    this.site.send(request, response, networks.networkPage(found, this.site.rightsOf(request)));
  }

  @Post('networks/:network/export')
  @Needs('submit')
  async exportNetwork(@Param('network') network: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    const message = `${PACKAGE}.CatalogServiceExportNetworkRequest`;
    const { format } = decodeMessage<CatalogServiceExportNetworkRequest>(message, { ...(request.body as object), network });
    const digest = await this.catalog.exportNetwork(network, format);
    const ending = ENDINGS[format];
    const name = FILE_NAME.test(network) && network.length < 64 ? network : 'network';
    response.redirect(303, `/files/${digest}?name=${name}.${ending}`);
  }

  @Post('networks/:network/delete')
  @Needs('admin')
  async removeNetwork(@Param('network') name: string, @Res() response: Response): Promise<void> {
    await this.catalog.removeNetwork(name);
    response.redirect(303, '/networks');
  }

  @Get('datasets')
  @Needs('read')
  async datasets(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { entries } = await pageOf(this.catalog.datasets, FIRST);
    this.site.send(request, response, datasets.datasetsPage(entries.map(datasetEntry), UNTOUCHED, this.site.rightsOf(request)));
  }

  @Post('datasets')
  @Needs('submit')
  async importDataset(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.site.submit(
      request,
      response,
      async (values) => {
        const message = decodeMessage<CatalogServiceImportDatasetRequest>(
          `${PACKAGE}.CatalogServiceImportDatasetRequest`,
          datasets.importRequest(values),
        );
        const { name } = await this.catalog.importDataset(required(message.import));
        return `/datasets/${encodeURIComponent(name)}`;
      },
      async (form) => {
        const { entries } = await pageOf(this.catalog.datasets, FIRST);
        return datasets.datasetsPage(entries.map(datasetEntry), form, this.site.rightsOf(request));
      },
    );
  }

  @Get('datasets/:dataset')
  @Needs('read')
  async dataset(
    @Param('dataset') name: string,
    @Req() request: Request,
    @Res() response: Response,
    @Query('split') split?: string,
  ): Promise<void> {
    const found = datasetEntry(await this.catalog.getDataset(name));
    const shown = split !== undefined && found.dataset?.splits[split] ? split : undefined;
    this.site.send(request, response, datasets.datasetPage(found, shown, this.site.rightsOf(request)));
  }

  /** The first pictures of a class, side by side. */
  @Get('datasets/:dataset/pictures/:split/:label.png')
  @Needs('read')
  async pictures(
    @Param('dataset') name: string,
    @Param('split') split: string,
    @Param('label') label: string,
    @Res() response: Response,
  ): Promise<void> {
    const { info } = await this.catalog.getDataset(name);
    const digest = info.splits[split]?.digest;
    const strip = digest === undefined ? undefined : await this.#pictures.strip(digest, Number(label), datasets.STRIP);
    if (!strip) throw new NotFound('picture', `${name}, ${split}, class ${label}`);
    response.type('png').set('cache-control', 'private, max-age=3600').send(strip);
  }

  @Post('datasets/:dataset/delete')
  @Needs('admin')
  async removeDataset(@Param('dataset') name: string, @Res() response: Response): Promise<void> {
    await this.catalog.removeDataset(name);
    response.redirect(303, '/datasets');
  }

  /** A file of the store under a name for people. */
  @Get('files/:digest')
  @Needs('read')
  async file(@Param('digest') digest: string, @Req() request: Request, @Res() response: Response, @Query('name') name = ''): Promise<void> {
    await sendArtifact(this.artifacts, digest, request, response, FILE_NAME.test(name) ? name : digest);
  }
}
