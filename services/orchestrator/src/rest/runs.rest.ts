import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { CreateRunRequest, ExpandPlanRequest, ListRunsRequest, Run, WatchRunRequest } from '@rift/contracts';
import { InvalidArgument } from '@rift/service-kit';
import type { Request, Response } from 'express';
import { streamEvents } from '../http/event-stream.js';
import { AccessGuard, Needs } from '../http/needs.js';
import { storedState } from '../runs/run-record.js';
import { TRAINING_PRESETS } from '../plan/training-presets.js';
import { RunService } from '../runs/run-service.js';
import { encodeMessage, type Json } from './encode.js';
import { bodyOf, noQuery, queryOf } from './request.js';

const PACKAGE = 'rift.orchestrator.v1';

/** Runs over HTTP; the document says what each address does. */
@Controller('api/v1')
@UseGuards(AccessGuard)
export class RunsRest {
  constructor(@Inject(RunService) private readonly runs: RunService) {}

  @Get('runs')
  @Needs('read')
  async list(@Req() request: Request): Promise<Json> {
    const { pageSize, pageToken, state } = queryOf<ListRunsRequest>(request, `${PACKAGE}.ListRunsRequest`);
    return encodeMessage(`${PACKAGE}.ListRunsResponse`, await this.runs.list(pageSize, pageToken, storedState(state)));
  }

  @Post('runs')
  @Needs('submit')
  async create(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<Json> {
    noQuery(request);
    const run = await this.runs.create(bodyOf<CreateRunRequest>(request, `${PACKAGE}.CreateRunRequest`));
    response.location(`/api/v1/runs/${run.id}`);
    return runJson(run);
  }

  @Post('plans')
  @HttpCode(200)
  @Needs('read')
  async expand(@Req() request: Request): Promise<Json> {
    noQuery(request);
    const { settings } = bodyOf<ExpandPlanRequest>(request, `${PACKAGE}.ExpandPlanRequest`);
    return encodeMessage(`${PACKAGE}.Plan`, await this.runs.expand(settings));
  }

  @Get('training-presets')
  @Needs('read')
  trainingPresets(@Req() request: Request): Json {
    noQuery(request);
    return encodeMessage(`${PACKAGE}.ListTrainingPresetsResponse`, { presets: [...TRAINING_PRESETS] });
  }

  @Get('runs/:id')
  @Needs('read')
  async get(@Param('id') id: string, @Req() request: Request): Promise<Json> {
    noQuery(request);
    return runJson(await this.runs.get(id));
  }

  @Delete('runs/:id')
  @HttpCode(204)
  @Needs('admin')
  async remove(@Param('id') id: string): Promise<void> {
    await this.runs.remove(id);
  }

  @Post('runs/:id/cancel')
  @HttpCode(200)
  @Needs('submit')
  async cancel(@Param('id') id: string): Promise<Json> {
    return runJson(await this.runs.cancel(id));
  }

  @Post('runs/:id/resume')
  @HttpCode(200)
  @Needs('submit')
  async resume(@Param('id') id: string): Promise<Json> {
    return runJson(await this.runs.resume(id));
  }

  /** Events since afterSequence, or since the last one that a browser saw; ends with the run. */
  @Get('runs/:id/events')
  @Needs('read')
  async watch(@Param('id') id: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    const { afterSequence } = queryOf<Omit<WatchRunRequest, 'id'>>(request, `${PACKAGE}.WatchRunRequest`);
    if ('id' in request.query) throw new InvalidArgument('id', request.query['id'], 'is given by the address');
    const seen = Number(request.headers['last-event-id'] ?? afterSequence);
    await this.runs.get(id);
    await streamEvents(
      response,
      async function* (runs: RunService, signal: AbortSignal) {
        for await (const event of runs.watch(id, Number.isSafeInteger(seen) && seen > 0 ? seen : 0, signal)) {
          yield { id: event.sequence, event: event.event ?? 'message', data: encodeMessage(`${PACKAGE}.WatchRunResponse`, event) };
        }
      }.bind(undefined, this.runs),
    );
  }
}

function runJson(run: Run): Json {
  return encodeMessage(`${PACKAGE}.Run`, run);
}
