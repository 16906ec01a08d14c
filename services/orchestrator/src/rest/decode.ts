import { packageDefinition } from '@rift/contracts';
import { InvalidArgument, printed, type Violation } from '@rift/service-kit';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { enumOf, messageOf, messageType, nameOf, oneofOf, WHOLE_NUMBERS } from './contract.js';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Makes a request of its JSON, of the very shape that a gRPC request has; absent fields have their defaults.
 *
 * @param name full name of the message.
 * @throws InvalidArgument naming every field at fault by its path in the JSON.
 */
export function decodeMessage<T>(name: string, json: unknown): T {
  const violations: Violation[] = [];
  checkMessage(messageType(name), json, '', violations);
  if (violations.length > 0) throw new InvalidArgument(violations);
  const definition = packageDefinition[name];
  if (definition === undefined || !('serialize' in definition)) throw new Error(`The contracts hold no message ${name}.`);
  const { serialize, deserialize } = definition as MessageTypeDefinition<object, object>;
  return deserialize(serialize(json as object)) as T;
}

function checkMessage(type: protobuf.Type, json: unknown, path: string, violations: Violation[]): void {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    violations.push({ field: path === '' ? 'body' : path, value: printed(json), rule: 'must be a JSON object' });
    return;
  }
  const chosen = new Map<protobuf.OneOf, string>();
  for (const [key, value] of Object.entries(json)) {
    const at = path === '' ? key : `${path}.${key}`;
    const field = Object.hasOwn(type.fields, key) ? type.fields[key] : undefined;
    if (field === undefined) {
      const known = Object.keys(type.fields).join(', ');
      violations.push({
        field: at,
        value: printed(value),
        rule: `${type.name} has no such field${known === '' ? '' : `; it has ${known}`}`,
      });
      continue;
    }
    if (value === null) {
      if (messageOf(field) === null || field.repeated)
        violations.push({ field: at, value: 'null', rule: 'must be left out rather than null' });
      continue;
    }
    const choice = oneofOf(field);
    const other = choice && chosen.get(choice);
    if (choice && other !== undefined)
      violations.push({ field: at, value: printed(value), rule: `must not be given together with ${other}` });
    if (choice) chosen.set(choice, key);
    checkField(field, value, at, violations);
  }
}

function checkField(field: protobuf.Field, value: unknown, path: string, violations: Violation[]): void {
  if (field instanceof protobuf.MapField) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return void violations.push(broken(path, value, 'must be a JSON object'));
    for (const [key, item] of Object.entries(value)) checkValue(field, item, `${path}.${key}`, violations);
    return;
  }
  if (!field.repeated) return checkValue(field, value, path, violations);
  if (!Array.isArray(value)) return void violations.push(broken(path, value, 'must be a JSON array'));
  value.forEach((item: unknown, index) => checkValue(field, item, `${path}[${index}]`, violations));
}

function checkValue(field: protobuf.Field, value: unknown, path: string, violations: Violation[]): void {
  const message = messageOf(field);
  if (message) {
    if (nameOf(message).startsWith('google.')) violations.push(broken(path, value, 'cannot be set'));
    else checkMessage(message, value, path, violations);
    return;
  }
  const rule = scalarRule(field, value);
  if (rule !== undefined) violations.push(broken(path, value, rule));
}

/** What a value should have been; undefined when it is right. */
function scalarRule(field: protobuf.Field, value: unknown): string | undefined {
  const names = enumOf(field)?.values;
  if (names)
    return typeof value === 'string' && Object.hasOwn(names, value) ? undefined : `must be one of ${Object.keys(names).join(', ')}`;
  const range = WHOLE_NUMBERS[field.type];
  if (range) {
    const [least, most] = range;
    const isWhole = typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
    return isWhole ? undefined : `must be a whole number from ${least} to ${most}`;
  }
  switch (field.type) {
    case 'double':
      return typeof value === 'number' && Number.isFinite(value) ? undefined : 'must be a number';
    case 'bool':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'bytes':
      return typeof value === 'string' && BASE64.test(value) ? undefined : 'must be bytes in base64';
    case 'string':
      return textRule(value);
    default:
      throw new Error(`REST knows no values of type ${field.type} (${field.fullName}).`);
  }
}

/** PostgreSQL keeps no NUL, and half a surrogate pair is no text. */
function textRule(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a text';
  return value.includes('\0') || !value.isWellFormed() ? 'must be Unicode text without NUL characters' : undefined;
}

function broken(field: string, value: unknown, rule: string): Violation {
  return { field, value: printed(value), rule };
}
