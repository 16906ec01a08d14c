import type { MessageTypeDefinition } from '@grpc/proto-loader';

import { packageDefinition } from './services.js';

/** One field of a message, by its name in TypeScript. */
export interface FieldInfo {
  /** Name in camelCase. */
  readonly name: string;
  /** Full name of the message it holds; null for scalars, enums and maps. */
  readonly message: string | null;
  /** Values of its enum in order of declaration; null for anything else. */
  readonly enumValues: readonly string[] | null;
  readonly repeated: boolean;
  readonly map: boolean;
}

interface RawField {
  name: string;
  label: string;
  type: string;
  typeName: string;
}

interface RawMessage {
  field: RawField[];
  nestedType: { name: string; options: { mapEntry?: boolean } | null }[];
}

function definitionOf(message: string): MessageTypeDefinition<object, object> {
  const definition = packageDefinition[message];
  if (definition === undefined || !('serialize' in definition)) throw new Error(`The contracts hold no message ${message}.`);
  return definition as MessageTypeDefinition<object, object>;
}

function enumValuesOf(name: string): readonly string[] {
  const definition = packageDefinition[name];
  if (definition === undefined || 'serialize' in definition) throw new Error(`The contracts hold no enum ${name}.`);
  return (definition.type as unknown as { value: { name: string }[] }).value.map((value) => value.name);
}

/** Full name of a type that is named relative to the package it is used in, looked up from the inside out. */
function resolved(name: string, area: string): string {
  const parts = area.split('.');
  for (let kept = parts.length; kept >= 0; kept -= 1) {
    const candidate = [...parts.slice(0, kept), name].join('.');
    if (candidate in packageDefinition) return candidate;
  }
  throw new Error(`The contracts hold no type ${name} as seen from ${area}.`);
}

const cache = new Map<string, ReadonlyMap<string, FieldInfo>>();

/**
 * The fields of a message in order of declaration.
 * @param message full name (rift.common.v1.AttackSpec)
 */
export function fieldsOf(message: string): ReadonlyMap<string, FieldInfo> {
  const known = cache.get(message);
  if (known !== undefined) return known;
  const raw = definitionOf(message).type as unknown as RawMessage;
  const area = message.slice(0, message.lastIndexOf('.'));
  const full = (name: string) => resolved(name, area);
  const fields = new Map<string, FieldInfo>();
  for (const field of raw.field) {
    const map = raw.nestedType.some((nested) => nested.name === field.typeName && nested.options?.mapEntry === true);
    fields.set(field.name, {
      name: field.name,
      message: field.type === 'TYPE_MESSAGE' && !map ? full(field.typeName) : null,
      enumValues: field.type === 'TYPE_ENUM' ? enumValuesOf(full(field.typeName)) : null,
      repeated: field.label === 'LABEL_REPEATED' && !map,
      map,
    });
  }
  cache.set(message, fields);
  return fields;
}

function refuseUnknownFields(message: string, value: unknown, path: string): void {
  if (Array.isArray(value)) {
    value.forEach((item, index) => refuseUnknownFields(message, item, `${path}[${index}]`));
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const fields = fieldsOf(message);
  for (const [name, item] of Object.entries(value)) {
    const field = fields.get(name);
    if (field === undefined) throw new Error(`${path}.${name}: ${message} has no such field.`);
    if (field.message !== null) refuseUnknownFields(field.message, item, `${path}.${name}`);
  }
}

/**
 * Makes a received message of its JSON: bytes from base64, absent fields as their defaults.
 * @throws Error naming a field that the message lacks: dropped in silence, it would come back as a default
 */
export function fromJson(message: string, json: object): object {
  refuseUnknownFields(message, json, message.slice(message.lastIndexOf('.') + 1));
  const definition = definitionOf(message);
  return definition.deserialize(definition.serialize(json));
}
