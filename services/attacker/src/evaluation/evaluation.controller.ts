import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { EvaluateRequest, EvaluateResult } from '@rift/contracts';
import type { StreamingCall } from '@rift/service-kit';
import { check, evaluateRequest } from '@rift/validation';
import { JobRunner, jobStream, type JobEvent } from '@rift/worker-kit';
import type { Observable } from 'rxjs';

/** Standard, adversarial and OOD accuracy. */
@Controller()
export class EvaluationController {
  constructor(private readonly runner: JobRunner) {}

  @GrpcMethod('AttackerService', 'Evaluate')
  evaluate(received: EvaluateRequest, _metadata: Metadata, call: StreamingCall): Observable<JobEvent<EvaluateResult>> {
    const request = check(evaluateRequest, received);
    const compute = this.runner.compute(request.compute);
    return jobStream(
      call,
      this.runner,
      {
        kind: 'evaluate',
        context: request.context,
        request: async (files) => ({
          network: await files.network('network', request.network),
          data: await files.data('data', request.data),
          spec: request.spec,
          compute,
          checkpoint: files.checkpoint,
        }),
      },
      ({ result }) => result,
    );
  }
}
