import { loadPackageDefinition, type GrpcObject, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

import type { ProtoGrpcType as Artifacts } from './generated/artifact_service.js';
import type { ProtoGrpcType as Attacker } from './generated/attacker_service.js';
import type { ProtoGrpcType as Catalog } from './generated/catalog_service.js';
import type { ProtoGrpcType as Conversion } from './generated/conversion_service.js';
import type { ProtoGrpcType as Runs } from './generated/run_service.js';
import type { ProtoGrpcType as Trainer } from './generated/trainer_service.js';
import { LOADER_OPTIONS, PROTO_FILES } from './loader.js';

/** Full names of the services, as health checks, reflection and metrics spell them. */
export const SERVICE_NAMES = {
  runs: 'rift.orchestrator.v1.RunService',
  catalog: 'rift.orchestrator.v1.CatalogService',
  artifacts: 'rift.orchestrator.v1.ArtifactService',
  attacker: 'rift.attacker.v1.AttackerService',
  trainer: 'rift.trainer.v1.TrainerService',
  conversion: 'rift.trainer.v1.ConversionService',
} as const;

/** Full name of one of the services. */
export type ServiceName = (typeof SERVICE_NAMES)[keyof typeof SERVICE_NAMES];

/** Every contract, parsed once a process. */
export const packageDefinition: PackageDefinition = loadSync([...PROTO_FILES], LOADER_OPTIONS);

const root = loadPackageDefinition(packageDefinition);

function constructorOf(name: ServiceName): ServiceClientConstructor {
  let node: GrpcObject[string] | undefined = root;
  for (const part of name.split('.')) node = (node as GrpcObject | undefined)?.[part];
  if (typeof node !== 'function') throw new Error(`The contracts hold no service ${name}; rebuild with "npm run build".`);
  return node;
}

/** Constructs a client of runs. */
export const RunServiceConstructor = constructorOf(SERVICE_NAMES.runs) as unknown as Runs['rift']['orchestrator']['v1']['RunService'];
/** Constructs a client of the catalog. */
export const CatalogServiceConstructor = constructorOf(
  SERVICE_NAMES.catalog,
) as unknown as Catalog['rift']['orchestrator']['v1']['CatalogService'];
/** Constructs a client of the artifact store's upload and download. */
export const ArtifactServiceConstructor = constructorOf(
  SERVICE_NAMES.artifacts,
) as unknown as Artifacts['rift']['orchestrator']['v1']['ArtifactService'];
/** Constructs a client of the attacker. */
export const AttackerServiceConstructor = constructorOf(
  SERVICE_NAMES.attacker,
) as unknown as Attacker['rift']['attacker']['v1']['AttackerService'];
/** Constructs a client of the trainer. */
export const TrainerServiceConstructor = constructorOf(
  SERVICE_NAMES.trainer,
) as unknown as Trainer['rift']['trainer']['v1']['TrainerService'];
/** Constructs a client of the trainer's conversions. */
export const ConversionServiceConstructor = constructorOf(
  SERVICE_NAMES.conversion,
) as unknown as Conversion['rift']['trainer']['v1']['ConversionService'];

/** One method of a service, as declared. */
export interface MethodShape {
  /** Name as declared (CraftAdversarialSet). */
  readonly name: string;
  /** Path on the wire (/rift.attacker.v1.AttackerService/CraftAdversarialSet). */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

/** The methods that a service declares, in order of declaration. */
export function methodsOf(service: ServiceName): readonly MethodShape[] {
  return Object.entries(constructorOf(service).service).map(([name, method]) => ({
    name,
    path: method.path,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
  }));
}
