import type { ServerDuplexStream } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcStreamCall } from '@nestjs/microservices';
import type { PerturbRequest, PerturbResponseInput } from '@rift/contracts';
import { callSignal, requestsOf } from '@rift/service-kit';
import { Observable } from 'rxjs';

import { PerturbService } from './perturb.service.js';

type PerturbCall = ServerDuplexStream<PerturbRequest, PerturbResponseInput>;

/** Resolves when the connection has taken the message: Node would queue 16 of them, tens of megabytes, before it says wait. */
function taken(call: PerturbCall, answer: PerturbResponseInput, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    call.write(answer, () => resolve());
  });
}

/** Adversarial images online. */
@Controller()
export class PerturbController {
  constructor(private readonly perturbation: PerturbService) {}

  /** Answers at the pace of the reader; what is returned only says how the stream ends. */
  @GrpcStreamCall('AttackerService', 'Perturb')
  perturb(call: PerturbCall): Observable<never> {
    const signal = callSignal(call);
    const answerAll = async (): Promise<void> => {
      for await (const answer of this.perturbation.answers(requestsOf<PerturbRequest>(call), signal)) {
        await taken(call, answer, signal);
        signal.throwIfAborted();
      }
    };
    return new Observable((subscriber) => {
      answerAll().then(
        () => subscriber.complete(),
        (error: unknown) => subscriber.error(error),
      );
    });
  }
}
