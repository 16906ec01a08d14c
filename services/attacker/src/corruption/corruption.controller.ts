import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { CorruptRequest, CorruptResult } from '@rift/contracts';
import type { StreamingCall } from '@rift/service-kit';
import { check, corruptRequest } from '@rift/validation';
import { JobRunner, jobStream, type JobEvent } from '@rift/worker-kit';
import type { Observable } from 'rxjs';

/** Corrupted copies of a split. */
@Controller()
export class CorruptionController {
  constructor(private readonly runner: JobRunner) {}

  @GrpcMethod('AttackerService', 'Corrupt')
  corrupt(received: CorruptRequest, _metadata: Metadata, call: StreamingCall): Observable<JobEvent<CorruptResult>> {
    const request = check(corruptRequest, received);
    return jobStream(
      call,
      this.runner,
      {
        kind: 'corrupt',
        context: request.context,
        request: async (files) => ({ data: await files.data('data', request.data), spec: request.spec, output: await files.output() }),
      },
      ({ result, digests: [digest = ''] }) => ({ ...result, digest }),
    );
  }
}
