import type { ServerWritableStream } from '@grpc/grpc-js';
import {
  SERVICE_NAMES,
  type CancelRunRequest,
  type CancelRunResponse,
  type CreateRunRequest,
  type CreateRunResponse,
  type DeleteRunRequest,
  type DeleteRunResponse,
  type ExpandPlanRequest,
  type ExpandPlanResponse,
  type GetRunRequest,
  type GetRunResponse,
  type ListRunsRequest,
  type ListRunsResponse,
  type ListTrainingPresetsResponse,
  type ResumeRunRequest,
  type ResumeRunResponse,
  type WatchRunRequest,
  type WatchRunResponse,
} from '@rift/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { streamOf } from '@rift/service-kit';
import type { Observable } from 'rxjs';
import { TRAINING_PRESETS } from '../plan/training-presets.js';
import { storedState } from './run-record.js';
import { RunService } from './run-service.js';

const SERVICE = SERVICE_NAMES.runs;

/** rift.orchestrator.v1.RunService. */
@Controller()
export class RunController {
  constructor(@Inject(RunService) private readonly runs: RunService) {}

  @GrpcMethod(SERVICE, 'ExpandPlan')
  async expandPlan({ settings }: ExpandPlanRequest): Promise<ExpandPlanResponse> {
    return { plan: await this.runs.expand(settings) };
  }

  @GrpcMethod(SERVICE, 'ListTrainingPresets')
  listTrainingPresets(): ListTrainingPresetsResponse {
    return { presets: [...TRAINING_PRESETS] };
  }

  @GrpcMethod(SERVICE, 'CreateRun')
  async createRun(request: CreateRunRequest): Promise<CreateRunResponse> {
    return { run: await this.runs.create(request) };
  }

  @GrpcMethod(SERVICE, 'GetRun')
  async getRun({ id }: GetRunRequest): Promise<GetRunResponse> {
    return { run: await this.runs.get(id) };
  }

  @GrpcMethod(SERVICE, 'ListRuns')
  listRuns({ pageSize, pageToken, state }: ListRunsRequest): Promise<ListRunsResponse> {
    return this.runs.list(pageSize, pageToken, storedState(state));
  }

  @GrpcMethod(SERVICE, 'WatchRun')
  watchRun(
    { id, afterSequence }: WatchRunRequest,
    _metadata: unknown,
    call: ServerWritableStream<WatchRunRequest, WatchRunResponse>,
  ): Observable<WatchRunResponse> {
    return streamOf(call, (signal) => this.runs.watch(id, afterSequence, signal));
  }

  @GrpcMethod(SERVICE, 'CancelRun')
  async cancelRun({ id }: CancelRunRequest): Promise<CancelRunResponse> {
    return { run: await this.runs.cancel(id) };
  }

  @GrpcMethod(SERVICE, 'ResumeRun')
  async resumeRun({ id }: ResumeRunRequest): Promise<ResumeRunResponse> {
    return { run: await this.runs.resume(id) };
  }

  @GrpcMethod(SERVICE, 'DeleteRun')
  async deleteRun({ id }: DeleteRunRequest): Promise<DeleteRunResponse> {
    await this.runs.remove(id);
    return {};
  }
}
