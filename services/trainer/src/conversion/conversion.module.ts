import { Module, type DynamicModule } from '@nestjs/common';
import { WORKER_PARTS, type WorkerParts } from '@rift/worker-kit';

import { ConversionRunner } from './conversion-runner.js';
import { ConversionController } from './conversion.controller.js';
import { DatasetImportService } from './dataset-import.service.js';
import { ImportRoot } from './import-root.js';
import { NetworkConversionService } from './network-conversion.service.js';

/** Conversions between foreign files and artifacts. */
@Module({})
export class ConversionModule {
  static forRoot(importRoot: string | undefined, atOnce: number): DynamicModule {
    return {
      module: ConversionModule,
      controllers: [ConversionController],
      providers: [
        NetworkConversionService,
        DatasetImportService,
        { provide: ImportRoot, useValue: new ImportRoot(importRoot) },
        { provide: ConversionRunner, inject: [WORKER_PARTS], useFactory: (parts: WorkerParts) => new ConversionRunner(parts, atOnce) },
      ],
    };
  }
}
