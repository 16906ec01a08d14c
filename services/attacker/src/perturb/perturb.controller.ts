import { Controller } from '@nestjs/common';
import { GrpcStreamCall } from '@nestjs/microservices';
import type { PerturbRequest, PerturbResponseInput } from '@rift/contracts';
import { requestsOf, streamOf, type StreamingCall } from '@rift/service-kit';
import type { Observable } from 'rxjs';

import { PerturbService } from './perturb.service.js';

/** What the handler of a bidirectional stream is given. */
type PerturbCall = StreamingCall<PerturbResponseInput> & Parameters<typeof requestsOf<PerturbRequest>>[0];

/** Adversarial images online. */
@Controller()
export class PerturbController {
  constructor(private readonly perturbation: PerturbService) {}

  @GrpcStreamCall('AttackerService', 'Perturb')
  perturb(call: PerturbCall): Observable<PerturbResponseInput> {
    return streamOf(call, (signal) => this.perturbation.answers(requestsOf(call), signal));
  }
}
