import type { Server } from '@grpc/grpc-js';
import {
  loadSync,
  type AnyDefinition,
  type EnumTypeDefinition,
  type MessageTypeDefinition,
  type PackageDefinition,
} from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProto } from 'grpc-health-check';
import descriptor, { type IDescriptorProto, type IFileDescriptorProto } from 'protobufjs/ext/descriptor/index.js';

type Named = (name: string) => string;

/** File of every type, by its full name. */
type Known = ReadonlyMap<string, string>;

/** Lets callers of a server ask for its contracts and those of health (grpc.reflection). */
export function addReflection(server: Server, contracts: PackageDefinition): void {
  new ReflectionService(reflected(contracts, loadSync(healthProto))).addToServer(server);
}

/**
 * Contracts as reflection has to tell them: those of several packages together, in the form that readers outside JavaScript (grpcurl) ask
 * for. protobufjs writes types by names relative to where they are used, entries of maps under the field's bare name, no
 * dependencies between files, reserved ranges one short, and fields by the names that JavaScript knows.
 */
function reflected(...definitions: readonly PackageDefinition[]): PackageDefinition {
  const files = new Map<string, IFileDescriptorProto>();
  for (const entry of definitions.flatMap((definition) => Object.values(definition))) {
    for (const bytes of isType(entry) ? entry.fileDescriptorProtos : []) {
      const file = descriptor.FileDescriptorProto.decode(bytes) as IFileDescriptorProto;
      if (file.name) files.set(file.name, file);
    }
  }
  for (const file of files.values()) for (const message of file.messageType ?? []) mend(message);
  const known = new Map([...files].flatMap(([path, file]) => namesOf(file).map((name) => [name, path] as const)));
  for (const file of files.values()) qualify(file, known);
  const fileDescriptorProtos = [...files.values()].map((file) => Buffer.from(descriptor.FileDescriptorProto.encode(file).finish()));
  return Object.fromEntries(
    definitions
      .flatMap((definition) => Object.entries(definition))
      .map(([name, entry]) => [name, isType(entry) ? { ...entry, fileDescriptorProtos } : entry]),
  );
}

function isType(entry: AnyDefinition): entry is MessageTypeDefinition<object, object> | EnumTypeDefinition {
  return Array.isArray(entry.fileDescriptorProtos);
}

function namesOf({ package: scope, messageType, enumType }: IFileDescriptorProto): string[] {
  const named = (outer: string, name: string | null | undefined): string => (outer === '' ? (name ?? '') : `${outer}.${name ?? ''}`);
  const inside = (outer: string, message: IDescriptorProto): string[] => {
    const name = named(outer, message.name);
    return [
      name,
      ...(message.enumType ?? []).map((one) => named(name, one.name)),
      ...(message.nestedType ?? []).flatMap((one) => inside(name, one)),
    ];
  };
  const outer = scope ?? '';
  return [...(enumType ?? []).map((one) => named(outer, one.name)), ...(messageType ?? []).flatMap((one) => inside(outer, one))];
}

/**
 * Entries of maps are messages FieldNameEntry; reserved ranges of messages end before their end, where protobufjs writes the last
 * number; fields are told by their names in the contracts.
 */
function mend(message: IDescriptorProto): void {
  for (const range of message.reservedRange ?? []) range.end = (range.end ?? 0) + 1;
  for (const field of message.field ?? []) {
    field.jsonName = field.name;
    field.name = field.name?.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
  for (const nested of message.nestedType ?? []) {
    mend(nested);
    const field = nested.options?.mapEntry ? message.field?.find(({ typeName }) => typeName === nested.name) : undefined;
    if (!field?.name) continue;
    nested.name = `${field.name.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}Entry`;
    field.typeName = nested.name;
  }
}

function qualify(file: IFileDescriptorProto, known: Known): void {
  const outer = file.package ?? '';
  const used = new Set<string>();
  for (const message of file.messageType ?? []) qualifyMessage(message, outer, known, used);
  const named = resolver(outer, known, used);
  for (const method of (file.service ?? []).flatMap((one) => one.method ?? [])) {
    if (method.inputType) method.inputType = named(method.inputType);
    if (method.outputType) method.outputType = named(method.outputType);
  }
  file.dependency = [...used].filter((path) => path !== file.name);
}

function qualifyMessage(message: IDescriptorProto, outer: string, known: Known, used: Set<string>): void {
  const scope = `${outer}.${message.name ?? ''}`;
  const named = resolver(scope, known, used);
  for (const field of message.field ?? []) if (field.typeName) field.typeName = named(field.typeName);
  for (const nested of message.nestedType ?? []) qualifyMessage(nested, scope, known, used);
}

/**
 * Protobuf's rule: a relative name is sought in the innermost scope first. A name that is nowhere stays as it is.
 *
 * @param used takes the files in which names were found
 */
function resolver(scope: string, known: Known, used: Set<string>): Named {
  return (name) => {
    for (let at = name.startsWith('.') ? '' : scope; ; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
      const full = at === '' ? name.replace(/^\./, '') : `${at}.${name}`;
      const path = known.get(full);
      if (path !== undefined) {
        used.add(path);
        return `.${full}`;
      }
      if (at === '') return name;
    }
  };
}
