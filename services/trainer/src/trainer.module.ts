import { Module, type DynamicModule } from '@nestjs/common';

import type { TrainerConfig } from './config.js';
import { ConversionModule } from './conversion/conversion.module.js';
import { CriticalityController } from './criticality/criticality.controller.js';
import { FineTuningController } from './fine-tuning/fine-tuning.controller.js';
import { InterpolationController } from './interpolation/interpolation.controller.js';
import { TrainingController } from './training/training.controller.js';

/** The trainer's features. */
@Module({})
export class TrainerModule {
  static forRoot(config: TrainerConfig): DynamicModule {
    return {
      module: TrainerModule,
      imports: [ConversionModule.forRoot(config.RIFT_IMPORT_ROOT, config.RIFT_CONVERSIONS)],
      controllers: [TrainingController, CriticalityController, FineTuningController, InterpolationController],
    };
  }
}
