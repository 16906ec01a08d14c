import type { ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import {
  SERVICE_NAMES,
  type DownloadRequest,
  type DownloadResponse,
  type StatRequest,
  type StatResponse,
  type UploadRequest,
  type UploadResponse,
} from '@rift/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';
import { requestsOf, streamOf } from '@rift/service-kit';
import type { Observable } from 'rxjs';
import { ArtifactService } from './artifact-service.js';

const SERVICE = SERVICE_NAMES.artifacts;

/** rift.orchestrator.v1.ArtifactService. */
@Controller()
export class ArtifactController {
  constructor(@Inject(ArtifactService) private readonly artifacts: ArtifactService) {}

  @GrpcStreamCall(SERVICE, 'Upload')
  upload(call: ServerReadableStream<UploadRequest, UploadResponse>): Promise<UploadResponse> {
    return this.artifacts.upload(requestsOf(call));
  }

  @GrpcMethod(SERVICE, 'Download')
  download(
    { digest, offset }: DownloadRequest,
    _metadata: unknown,
    call: ServerWritableStream<DownloadRequest, DownloadResponse>,
  ): Observable<DownloadResponse> {
    return streamOf(call, () => this.artifacts.download(digest, offset));
  }

  @GrpcMethod(SERVICE, 'Stat')
  stat({ digest }: StatRequest): Promise<StatResponse> {
    return this.artifacts.stat(digest);
  }
}
