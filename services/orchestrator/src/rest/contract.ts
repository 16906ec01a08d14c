import { PROTO_FILES, PROTO_ROOT } from '@rift/contracts';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/** The contracts with their comments, from which the REST API takes its JSON, its checks and its document. */
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => (target.startsWith('google/protobuf/') ? target : join(PROTO_ROOT, target));
root.loadSync([...PROTO_FILES], { keepCase: false, alternateCommentMode: true });
root.resolveAll();

/** A time, which JSON writes as ISO 8601. */
export const TIMESTAMP = 'google.protobuf.Timestamp';

/** Full name of a type, without the dot that protobuf.js puts before it. */
export function nameOf(type: protobuf.ReflectionObject): string {
  return type.fullName.replace(/^\./, '');
}

/** A message of the contracts. @param name full name (rift.orchestrator.v1.Run) */
export function messageType(name: string): protobuf.Type {
  return root.lookupType(name);
}

/** The message of a field; null for scalars and enums. */
export function messageOf(field: protobuf.Field): protobuf.Type | null {
  return field.resolvedType instanceof protobuf.Type ? field.resolvedType : null;
}

/** The enum of a field; null for scalars and messages. */
export function enumOf(field: protobuf.Field): protobuf.Enum | null {
  return field.resolvedType instanceof protobuf.Enum ? field.resolvedType : null;
}

/** Whether a field is a choice among several. A field of its own optional presence would be one too; the contracts have none. */
export function oneofOf(field: protobuf.Field): protobuf.OneOf | null {
  return field.partOf;
}

/** The comment of a method of a service. */
export function methodComment(service: string, method: string): string {
  return root.lookupService(service).methods[method]?.comment ?? '';
}

/** Smallest and largest value of the whole-number types; 64-bit numbers stay where JSON is exact. */
export const WHOLE_NUMBERS: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};
