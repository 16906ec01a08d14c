import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { InterpolateRequest, InterpolatedNetworks } from '@rift/contracts';
import type { StreamingCall } from '@rift/service-kit';
import { check, interpolateRequest } from '@rift/validation';
import { JobRunner, jobStream, type JobEvent } from '@rift/worker-kit';
import type { Observable } from 'rxjs';

/** Networks on the line between two (paper section 4, step 3). */
@Controller()
export class InterpolationController {
  constructor(private readonly runner: JobRunner) {}

  @GrpcMethod('TrainerService', 'Interpolate')
  interpolate(received: InterpolateRequest, _metadata: Metadata, call: StreamingCall): Observable<JobEvent<InterpolatedNetworks>> {
    const request = check(interpolateRequest, received);
    return jobStream(
      call,
      this.runner,
      {
        kind: 'interpolate',
        context: request.context,
        request: async (files) => ({
          fromPath: await files.artifact('fromDigest', request.fromDigest),
          toPath: await files.artifact('toDigest', request.toDigest),
          alphas: request.alphas,
          outputs: await Promise.all(request.alphas.map(() => files.output())),
        }),
      },
      ({ digests }) => ({ digests: [...digests] }),
    );
  }
}
