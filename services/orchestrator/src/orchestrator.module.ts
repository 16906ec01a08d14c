import { Module, type DynamicModule } from '@nestjs/common';
import { ArtifactController } from './artifacts/artifact.controller.js';
import { ArtifactService } from './artifacts/artifact-service.js';
import { CatalogController } from './catalog/catalog.controller.js';
import { CatalogService } from './catalog/catalog-service.js';
import { RunController } from './runs/run.controller.js';
import { RunService } from './runs/run-service.js';

/** What the controllers answer with. */
export interface OrchestratorParts {
  readonly runs: RunService;
  readonly catalog: CatalogService;
  readonly artifacts: ArtifactService;
}

/** The gRPC API of the orchestrator. */
@Module({})
export class OrchestratorModule {
  static forRoot({ runs, catalog, artifacts }: OrchestratorParts): DynamicModule {
    return {
      module: OrchestratorModule,
      controllers: [RunController, CatalogController, ArtifactController],
      providers: [
        { provide: RunService, useValue: runs },
        { provide: CatalogService, useValue: catalog },
        { provide: ArtifactService, useValue: artifacts },
      ],
    };
  }
}
