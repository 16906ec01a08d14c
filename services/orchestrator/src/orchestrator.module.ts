import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { ArtifactController } from './artifacts/artifact.controller.js';
import { ArtifactService } from './artifacts/artifact-service.js';
import { CatalogController } from './catalog/catalog.controller.js';
import { CatalogService } from './catalog/catalog-service.js';
import { Access } from './http/access.js';
import { AccessGuard } from './http/needs.js';
import { ArtifactsRest } from './rest/artifacts.rest.js';
import { CatalogRest } from './rest/catalog.rest.js';
import { FallbackRest, OPENAPI } from './rest/fallback.rest.js';
import { openApiDocument } from './rest/openapi/document.js';
import { RunsRest } from './rest/runs.rest.js';
import { RunController } from './runs/run.controller.js';
import { RunService } from './runs/run-service.js';
import { VERSIONS } from './version.js';
import { webControllers, webProviders } from './web/index.js';

/** What the controllers answer with. */
export interface OrchestratorParts {
  readonly runs: RunService;
  readonly catalog: CatalogService;
  readonly artifacts: ArtifactService;
  /** Who may use REST and the web page; undefined when there is neither. */
  readonly access: Access | undefined;
}

/** The APIs of the orchestrator: gRPC, and where asked REST and the web page. */
@Module({})
export class OrchestratorModule {
  static forRoot({ runs, catalog, artifacts, access }: OrchestratorParts): DynamicModule {
    const http: Provider[] = access
      ? [
          AccessGuard,
          { provide: Access, useValue: access },
          { provide: OPENAPI, useFactory: () => openApiDocument(VERSIONS['rift'] ?? '') },
          ...webProviders,
        ]
      : [];
    return {
      module: OrchestratorModule,
      controllers: [
        RunController,
        CatalogController,
        ArtifactController,
        ...(access ? [RunsRest, CatalogRest, ArtifactsRest, FallbackRest, ...webControllers] : []),
      ],
      providers: [
        { provide: RunService, useValue: runs },
        { provide: CatalogService, useValue: catalog },
        { provide: ArtifactService, useValue: artifacts },
        ...http,
      ],
    };
  }
}
