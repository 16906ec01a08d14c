import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { TrainAdversariallyRequest, TrainResult } from '@rift/contracts';
import type { StreamingCall } from '@rift/service-kit';
import { check, trainAdversariallyRequest } from '@rift/validation';
import { JobRunner, jobStream, type JobEvent } from '@rift/worker-kit';
import type { Observable } from 'rxjs';

/** Adversarial training; a call with the work key of an earlier one goes on from its last checkpoint. */
@Controller()
export class TrainingController {
  constructor(private readonly runner: JobRunner) {}

  @GrpcMethod('TrainerService', 'TrainAdversarially')
  train(received: TrainAdversariallyRequest, _metadata: Metadata, call: StreamingCall): Observable<JobEvent<TrainResult>> {
    const request = check(trainAdversariallyRequest, received);
    const compute = this.runner.compute(request.compute);
    return jobStream(
      call,
      this.runner,
      {
        kind: 'train',
        context: request.context,
        request: async (files) => ({
          train: await files.data('train', request.train),
          selection: request.selection && (await files.data('selection', request.selection)),
          extra: request.extra && (await files.data('extra', request.extra)),
          spec: request.spec,
          initial: request.initial && (await files.network('initial', request.initial)),
          compute,
          output: await files.output(),
          checkpoint: files.checkpoint,
        }),
      },
      ({ result, digests: [digest = ''] }) => ({ ...result, digest }),
    );
  }
}
