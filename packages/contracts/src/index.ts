export * from './generated/index.js';
export { contradictions, type Contradiction, type DeclaredNetwork } from './declared.js';
export { LOADER_OPTIONS, PROTO_FILES, PROTO_ROOT } from './loader.js';
export {
  ArtifactServiceConstructor,
  AttackerServiceConstructor,
  CatalogServiceConstructor,
  ConversionServiceConstructor,
  RunServiceConstructor,
  SERVICE_NAMES,
  TrainerServiceConstructor,
  methodsOf,
  packageDefinition,
  type MethodShape,
  type ServiceName,
} from './services.js';
export { fieldsOf, fromJson, type FieldInfo } from './messages.js';
