import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { FineTuneRequest, FineTuneResult } from '@rift/contracts';
import type { StreamingCall } from '@rift/service-kit';
import { check, fineTuneRequest } from '@rift/validation';
import { JobRunner, jobStream, type JobEvent } from '@rift/worker-kit';
import type { Observable } from 'rxjs';

/** Fine-tuning of modules on clean data (paper section 4, step 2). */
@Controller()
export class FineTuningController {
  constructor(private readonly runner: JobRunner) {}

  @GrpcMethod('TrainerService', 'FineTune')
  fineTune(received: FineTuneRequest, _metadata: Metadata, call: StreamingCall): Observable<JobEvent<FineTuneResult>> {
    const request = check(fineTuneRequest, received);
    const compute = this.runner.compute(request.compute);
    return jobStream(
      call,
      this.runner,
      {
        kind: 'fineTune',
        context: request.context,
        request: async (files) => ({
          network: await files.network('network', request.network),
          train: await files.data('train', request.train),
          selection: request.selection && (await files.data('selection', request.selection)),
          spec: request.spec,
          compute,
          output: await files.output(),
          checkpoint: files.checkpoint,
        }),
      },
      ({ result, digests: [digest = ''] }) => ({ ...result, digest }),
    );
  }
}
