import protobuf from 'protobufjs';
import { enumOf, messageOf, messageType, nameOf, oneofOf, TIMESTAMP, WHOLE_NUMBERS } from '../contract.js';

/** A JSON Schema, as OpenAPI 3.1 has it. */
export type Schema = Readonly<Record<string, unknown>>;

/** The last part of a message's full name, under which the document lists it. */
export function schemaName(message: string): string {
  return message.slice(message.lastIndexOf('.') + 1);
}

/** Where the document has the schema of a message. */
export function reference(message: string): Schema {
  return { $ref: `#/components/schemas/${schemaName(message)}` };
}

/**
 * The schemas of messages and of all that they hold, by name.
 *
 * @throws Error when two messages of different packages share a name.
 */
export function schemasOf(messages: Iterable<string>): Record<string, Schema> {
  const schemas = new Map<string, { readonly message: string; readonly schema: Schema }>();
  const add = (message: string): void => {
    const name = schemaName(message);
    const known = schemas.get(name);
    if (known && known.message !== message) throw new Error(`The document has two schemas ${name}: of ${known.message} and ${message}.`);
    if (known) return;
    const type = messageType(message);
    schemas.set(name, { message, schema: schemaOf(type) });
    for (const field of type.fieldsArray) {
      const inner = messageOf(field);
      if (inner && nameOf(inner) !== TIMESTAMP) add(nameOf(inner));
    }
  };
  for (const message of messages) add(message);
  const sorted = [...schemas].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, { schema }]) => [name, schema]));
}

/** The schema of a message without the fields that the address gives. */
export function schemaOf(type: protobuf.Type, without: readonly string[] = []): Schema {
  const fields = type.fieldsArray.filter(({ name }) => !without.includes(name));
  return {
    type: 'object',
    description: plain(type.comment),
    properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field)])),
    additionalProperties: false,
  };
}

/** The schema of one field with its comment. */
export function fieldSchema(field: protobuf.Field): Schema {
  const choice = oneofOf(field);
  const others = choice?.oneof.filter((name) => name !== field.name) ?? [];
  const note = others.length > 0 ? ` Not together with ${others.join(', ')}.` : '';
  const values = enumOf(field);
  const meanings = values
    ? ` Values: ${Object.keys(values.values)
        .map((name) => `${name}: ${plain(values.comments[name] ?? null)}`)
        .join(' ')}`
    : '';
  return { ...shapeOf(field), description: `${plain(field.comment)}${note}${meanings}` };
}

function shapeOf(field: protobuf.Field): Schema {
  if (field instanceof protobuf.MapField) return { type: 'object', additionalProperties: valueSchema(field) };
  return field.repeated ? { type: 'array', items: valueSchema(field) } : valueSchema(field);
}

function valueSchema(field: protobuf.Field): Schema {
  const message = messageOf(field);
  if (message) return nameOf(message) === TIMESTAMP ? { type: 'string', format: 'date-time' } : reference(nameOf(message));
  const values = enumOf(field);
  if (values) return { type: 'string', enum: Object.keys(values.values) };
  const range = WHOLE_NUMBERS[field.type];
  if (range) return { type: 'integer', minimum: range[0], maximum: range[1] };
  switch (field.type) {
    case 'double':
      return { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] };
    case 'bool':
      return { type: 'boolean' };
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64' };
    default:
      return { type: 'string' };
  }
}

function plain(comment: string | null): string {
  return (comment ?? '').replace(/\s+/g, ' ').trim();
}
