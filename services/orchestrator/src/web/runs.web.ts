import { Controller, Get, Inject, Param, Post, Query, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { CreateRunRequest, RunState } from '@rift/contracts';
import { FailedPrecondition, NotFound } from '@rift/service-kit';
import type { Request, Response } from 'express';
import { ArtifactService } from '../artifacts/artifact-service.js';
import { datasetEntry, networkEntry, pageOf } from '../catalog/catalog-messages.js';
import { CatalogService } from '../catalog/catalog-service.js';
import { streamEvents } from '../http/event-stream.js';
import { AccessGuard, Needs } from '../http/needs.js';
import { decodeMessage } from '../rest/decode.js';
import { storedState } from '../runs/run-record.js';
import { RunService } from '../runs/run-service.js';
import { choosePage, comparePage } from './compare/page.js';
import { UNTOUCHED, type FormState } from './forms/fields.js';
import { requestOf, runFormPage, valuesLike } from './forms/run-form.js';
import type { Page } from './layout.js';
import { PageErrors } from './page-errors.js';
import { figureFiles } from './run/files.js';
import { runListPage } from './run/list.js';
import { LOG_LINES, livePatches } from './run/live.js';
import { RunModels } from './run/model.js';
import { runPage } from './run/page.js';
import { Site } from './site.js';
import { runPath } from './words.js';

const STATES: readonly RunState[] = [
  'RUN_STATE_QUEUED',
  'RUN_STATE_RUNNING',
  'RUN_STATE_SUCCEEDED',
  'RUN_STATE_FAILED',
  'RUN_STATE_CANCELLED',
];
/** Runs on a page of the list, and to choose from for a comparison. */
const LISTED = 25;
const CHOICES = 200;

/**
 * The report is a page of its own: the styles in it are its own too. It is shown apart from the site, so that nothing in it could use
 * the visitor's session.
 */
const REPORT_POLICY = "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";

/** Pages of runs. */
@Controller()
@UseGuards(AccessGuard)
@UseFilters(PageErrors)
export class RunsWeb {
  readonly #models: RunModels;

  constructor(
    @Inject(RunService) private readonly runs: RunService,
    @Inject(CatalogService) private readonly catalog: CatalogService,
    @Inject(ArtifactService) private readonly artifacts: ArtifactService,
    @Inject(Site) private readonly site: Site,
  ) {
    this.#models = new RunModels(runs, catalog, artifacts);
  }

  @Get()
  @Needs('nobody')
  home(@Res() response: Response): void {
    response.redirect(303, '/runs');
  }

  @Get('runs')
  @Needs('read')
  async list(
    @Req() request: Request,
    @Res() response: Response,
    @Query('state') asked?: string,
    @Query('pageToken') token = '',
  ): Promise<void> {
    const state = STATES.find((one) => one === `RUN_STATE_${asked?.toUpperCase()}`) ?? 'RUN_STATE_UNSPECIFIED';
    const [page, networks, datasets] = await Promise.all([
      this.runs.list(LISTED, token, storedState(state)),
      this.catalog.networks.list(CHOICES, undefined),
      this.catalog.datasets.list(CHOICES, undefined),
    ]);
    const names = new Map([...networks, ...datasets].map(({ name, info }) => [info.digest, name]));
    this.site.send(request, response, runListPage({ ...page, state, names, hasNetworks: networks.length > 0 }));
  }

  @Get('runs/new')
  @Needs('submit')
  async form(@Req() request: Request, @Res() response: Response, @Query() query: Record<string, string | undefined>): Promise<void> {
    const { like, network, dataset } = query;
    const values = {
      ...(like === undefined ? {} : valuesLike(await this.runs.get(like))),
      ...(network === undefined ? {} : { 'settings.network': network }),
      ...(dataset === undefined ? {} : { 'settings.dataset': dataset }),
    };
    this.site.send(request, response, await this.#formPage({ ...UNTOUCHED, values }));
  }

  @Post('runs')
  @Needs('submit')
  async create(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.site.submit(
      request,
      response,
      async (values) => {
        const message = decodeMessage<CreateRunRequest>('rift.orchestrator.v1.CreateRunRequest', requestOf(values));
        return runPath((await this.runs.create(message)).id);
      },
      (form) => this.#formPage(form),
    );
  }

  @Get('runs/:id')
  @Needs('read')
  async show(@Param('id') id: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    const model = await this.#models.load(id);
    this.site.send(request, response, runPage(model, await this.runs.log(id, LOG_LINES), this.site.rightsOf(request)));
  }

  /** Changes of a run's page as the run goes on. */
  @Get('runs/:id/live')
  @Needs('read')
  async live(@Param('id') id: string, @Req() request: Request, @Res() response: Response, @Query('after') after = '0'): Promise<void> {
    const run = await this.runs.get(id);
    const log = await this.runs.log(id, LOG_LINES);
    const seen = Number(request.headers['last-event-id'] ?? after);
    const parts = { models: this.#models, run, log, rights: this.site.rightsOf(request), seen, reload: () => this.runs.get(id) };
    await streamEvents(response, (signal) => livePatches(this.runs.watch(id, Number(run.lastSequence), signal), parts));
  }

  @Post('runs/:id/cancel')
  @Needs('submit')
  async cancel(@Param('id') id: string, @Res() response: Response): Promise<void> {
    await this.runs.cancel(id);
    response.redirect(303, runPath(id));
  }

  @Post('runs/:id/resume')
  @Needs('submit')
  async resume(@Param('id') id: string, @Res() response: Response): Promise<void> {
    await this.runs.resume(id);
    response.redirect(303, runPath(id));
  }

  @Post('runs/:id/delete')
  @Needs('admin')
  async remove(@Param('id') id: string, @Res() response: Response): Promise<void> {
    await this.runs.remove(id);
    response.redirect(303, '/runs');
  }

  /** The finished report as it lies in the store. */
  @Get('runs/:id/report')
  @Needs('read')
  async report(@Param('id') id: string, @Res() response: Response, @Query('download') download?: string): Promise<void> {
    const run = await this.runs.get(id);
    const digest = run.stages.find(({ result }) => result?.report)?.result?.report?.htmlDigest;
    if (digest === undefined) throw new FailedPrecondition(`run ${id}`, 'it has no report yet');
    response.set('content-security-policy', REPORT_POLICY).type('html');
    if (download !== undefined) response.attachment(`rift-report-${id.slice(0, 8)}.html`);
    for await (const { chunk } of this.artifacts.download(digest, 0)) response.write(chunk);
    response.end();
  }

  /** The figures of a run in another form. */
  @Get('runs/:id/files/:name')
  @Needs('read')
  async file(@Param('id') id: string, @Param('name') name: string, @Res() response: Response): Promise<void> {
    const make = figureFiles(await this.#models.load(id)).get(name);
    if (!make) throw new NotFound('file', name, 'the page of the run lists those there are');
    const { type, text } = make();
    response.attachment(name).type(type).send(text);
  }

  @Get('compare')
  @Needs('read')
  async compare(
    @Req() request: Request,
    @Res() response: Response,
    @Query() query: Record<string, string | string[] | undefined>,
  ): Promise<void> {
    const picked = [query['a'], query['b'], query['run']].flat().filter((id): id is string => typeof id === 'string' && id !== '');
    const [a, b] = picked;
    if (a !== undefined && b !== undefined && a !== b && picked.length === 2) {
      const [one, other] = await Promise.all([this.#models.load(a), this.#models.load(b)]);
      this.site.send(request, response, comparePage(one, other));
      return;
    }
    const { runs } = await this.runs.list(CHOICES, '', undefined);
    const problem = picked.length > 2 ? 'Pick two runs, not more.' : picked.length === 2 ? 'Pick two different runs.' : undefined;
    this.site.send(request, response, choosePage(runs, picked, problem), problem === undefined ? 200 : 400);
  }

  async #formPage(form: FormState): Promise<Page> {
    const first = { pageSize: CHOICES, pageToken: '' };
    const [networks, datasets] = await Promise.all([pageOf(this.catalog.networks, first), pageOf(this.catalog.datasets, first)]);
    return runFormPage({ networks: networks.entries.map(networkEntry), datasets: datasets.entries.map(datasetEntry) }, form);
  }
}
