import { UnsupportedMediaTypeException } from '@nestjs/common';
import { InvalidArgument, printed, type Violation } from '@rift/service-kit';
import type { Request } from 'express';
import { enumOf, messageType, WHOLE_NUMBERS } from './contract.js';
import { decodeMessage } from './decode.js';

/**
 * The message in a request's body.
 *
 * @param fixed fields that the address gives; the body may not have them.
 * @throws InvalidArgument naming the field; UnsupportedMediaTypeException for a body that is no JSON.
 */
export function bodyOf<T>(request: Request, message: string, fixed: Readonly<Record<string, unknown>> = {}): T {
  if (request.is('application/json') === false) throw new UnsupportedMediaTypeException('send the body as application/json');
  const body = request.body as unknown;
  const doubled = typeof body === 'object' && body !== null ? Object.keys(fixed).find((name) => Object.hasOwn(body, name)) : undefined;
  if (doubled !== undefined) throw new InvalidArgument(doubled, fixed[doubled], 'is given by the address and must be left out of the body');
  if (Object.keys(fixed).length === 0) return decodeMessage<T>(message, body);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new InvalidArgument('body', body, 'must be a JSON object');
  return decodeMessage<T>(message, { ...body, ...fixed });
}

/**
 * The message in a request's query; an empty value is the default.
 *
 * @throws InvalidArgument naming the parameter.
 */
export function queryOf<T>(request: Request, message: string): T {
  const { fields } = messageType(message);
  const violations: Violation[] = [];
  const json: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(request.query)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined)
      violations.push(violation(name, value, `there is no such parameter; there are ${Object.keys(fields).join(', ') || 'none'}`));
    else if (typeof value !== 'string') violations.push(violation(name, value, 'must be given once'));
    else if (WHOLE_NUMBERS[field.type]) json[name] = /^\d{1,16}$/.test(value) ? Number(value) : value;
    else if (value !== '' || !enumOf(field)) json[name] = value;
  }
  if (violations.length > 0) throw new InvalidArgument(violations);
  return decodeMessage<T>(message, json);
}

/** Refuses a query where an address takes none. */
export function noQuery(request: Request): void {
  const [name, value] = Object.entries(request.query)[0] ?? [];
  if (name !== undefined) throw new InvalidArgument(name, value, 'there is no such parameter; this address takes none');
}

function violation(field: string, value: unknown, rule: string): Violation {
  return { field, value: printed(value), rule };
}
