import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { CraftAdversarialSetRequest, CraftResult } from '@rift/contracts';
import type { StreamingCall } from '@rift/service-kit';
import { check, craftAdversarialSetRequest } from '@rift/validation';
import { JobRunner, jobStream, type JobEvent } from '@rift/worker-kit';
import type { Observable } from 'rxjs';

/** Adversarial sets: images crafted once for one network. */
@Controller()
export class CraftController {
  constructor(private readonly runner: JobRunner) {}

  @GrpcMethod('AttackerService', 'CraftAdversarialSet')
  craft(received: CraftAdversarialSetRequest, _metadata: Metadata, call: StreamingCall): Observable<JobEvent<CraftResult>> {
    const request = check(craftAdversarialSetRequest, received);
    const compute = this.runner.compute(request.compute);
    return jobStream(
      call,
      this.runner,
      {
        kind: 'craft',
        context: request.context,
        request: async (files) => ({
          network: await files.network('network', request.network),
          data: await files.data('data', request.data),
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
