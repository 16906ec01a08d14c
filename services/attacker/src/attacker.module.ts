import { Module, type DynamicModule } from '@nestjs/common';

import { CorruptionController } from './corruption/corruption.controller.js';
import { CraftController } from './craft/craft.controller.js';
import { EvaluationController } from './evaluation/evaluation.controller.js';
import { PerturbController } from './perturb/perturb.controller.js';
import { PERTURB_IDLE_MS, PerturbService } from './perturb/perturb.service.js';

/** The attacker's features. */
@Module({})
export class AttackerModule {
  /** @param idleMs milliseconds a Perturb stream may wait between two messages */
  static forRoot(idleMs: number): DynamicModule {
    return {
      module: AttackerModule,
      controllers: [CraftController, EvaluationController, CorruptionController, PerturbController],
      providers: [PerturbService, { provide: PERTURB_IDLE_MS, useValue: idleMs }],
    };
  }
}
