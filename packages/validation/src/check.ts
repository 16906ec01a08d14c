import { InvalidArgument, type Violation } from '@rift/service-kit/client';
import type { z } from 'zod';

const MAX_VIOLATIONS = 20;
const SHOWN_LENGTH = 200;

/** ["attacks", 0, "threatModel"] as attacks[0].threatModel. */
function written(path: readonly PropertyKey[]): string {
  return path.reduce<string>((field, part) => {
    if (typeof part === 'number') return `${field}[${part}]`;
    return field === '' ? String(part) : `${field}.${String(part)}`;
  }, '');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, part) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[part] : undefined),
    value,
  );
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'unset';
  if (typeof value === 'number') return String(value);
  if (Buffer.isBuffer(value)) return `${value.length} bytes`;
  const words = typeof value === 'string' ? value : JSON.stringify(value);
  return words.length > SHOWN_LENGTH ? `${words.slice(0, SHOWN_LENGTH)}…` : words;
}

/**
 * Checks a received message against its schema.
 * @param under path of the message within the request, for messages that are checked apart
 * @returns the message, typed by what was checked: fields that have to be set are
 * @throws InvalidArgument naming every field at fault by its path in camelCase, with its value and rule
 */
export function check<S extends z.ZodType>(schema: S, received: unknown, under = ''): z.output<S> {
  const result = schema.safeParse(received);
  if (result.success) return result.data;
  const violations: Violation[] = result.error.issues.slice(0, MAX_VIOLATIONS).map((issue) => ({
    field: written(under === '' ? issue.path : [under, ...issue.path]) || 'request',
    value: shown(valueAt(received, issue.path)),
    rule: issue.message,
  }));
  throw new InvalidArgument(violations);
}
