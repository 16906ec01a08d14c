import type { Timestamp } from '@rift/contracts';
import protobuf from 'protobufjs';
import { messageOf, messageType, nameOf, TIMESTAMP } from './contract.js';

/** Values as JSON has them. */
export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/**
 * Writes a message as JSON: names as in the contracts in camelCase, bytes in base64, times in ISO 8601, numbers that JSON lacks by name
 * ("NaN", "Infinity"). Messages that are not set are left out; all other fields are there.
 *
 * @param name full name of the message.
 */
export function encodeMessage(name: string, message: object): Json {
  return encode(messageType(name), message);
}

function encode(type: protobuf.Type, message: object): Json {
  const out: Record<string, Json> = {};
  // The choice among the fields of a oneof is told by the fields themselves.
  for (const field of type.fieldsArray) {
    const value = (message as Readonly<Record<string, unknown>>)[field.name];
    if (value !== null && value !== undefined) out[field.name] = encodeField(field, value);
  }
  return out;
}

function encodeField(field: protobuf.Field, value: unknown): Json {
  if (field instanceof protobuf.MapField) {
    return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, encodeValue(field, item)]));
  }
  return field.repeated ? (value as unknown[]).map((item) => encodeValue(field, item)) : encodeValue(field, value);
}

function encodeValue(field: protobuf.Field, value: unknown): Json {
  const message = messageOf(field);
  if (message) return nameOf(message) === TIMESTAMP ? isoTime(value as Timestamp) : encode(message, value as object);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value as Json;
}

/** A time in ISO 8601 with milliseconds. */
export function isoTime({ seconds, nanos }: Pick<Timestamp, 'seconds' | 'nanos'>): string {
  return new Date(Number(seconds) * 1000 + Math.floor(nanos / 1e6)).toISOString();
}
