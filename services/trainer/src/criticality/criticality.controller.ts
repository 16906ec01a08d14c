import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { CriticalityResult, MeasureCriticalityRequest } from '@rift/contracts';
import type { StreamingCall } from '@rift/service-kit';
import { check, measureCriticalityRequest } from '@rift/validation';
import { JobRunner, jobStream, type JobEvent } from '@rift/worker-kit';
import type { Observable } from 'rxjs';

/** Module robust criticality (paper equation 6 and algorithm 1). */
@Controller()
export class CriticalityController {
  constructor(private readonly runner: JobRunner) {}

  @GrpcMethod('TrainerService', 'MeasureCriticality')
  measure(received: MeasureCriticalityRequest, _metadata: Metadata, call: StreamingCall): Observable<JobEvent<CriticalityResult>> {
    const request = check(measureCriticalityRequest, received);
    const compute = this.runner.compute(request.compute);
    return jobStream(
      call,
      this.runner,
      {
        kind: 'criticality',
        context: request.context,
        request: async (files) => ({
          network: await files.network('network', request.network),
          adversarialSet: await files.artifact('adversarialSet', request.adversarialSet),
          spec: request.spec,
          compute,
        }),
      },
      ({ result }) => result,
    );
  }
}
