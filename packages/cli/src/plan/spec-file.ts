import { fieldsOf, type CreateRunRequest } from '@rift/contracts';
import { readFile } from 'node:fs/promises';

import { invalidInput } from '../errors.js';
import { nearest } from '../parse/nearest.js';
import { pathKind } from '../inputs/files.js';
import { NotFound } from '@rift/service-kit/client';

const REQUEST = 'rift.orchestrator.v1.CreateRunRequest';

/** What `rift run --spec` reads: settings and plan as in the gRPC API, every field optional. */
export type RunSpec = Pick<Partial<CreateRunRequest>, 'name' | 'settings' | 'plan'>;

/**
 * Reads a run from a JSON file with the fields `name`, `settings` and `plan` of CreateRunRequest, in camelCase. An unknown
 * field or enum value is refused rather than dropped.
 *
 * @throws NotFound or InvalidArgument naming the file and the path of the field
 */
export async function readRunSpec(path: string): Promise<RunSpec> {
  if ((await pathKind(path)) !== 'file') throw new NotFound('file', path, 'check --spec');
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw invalidInput('--spec', path, `is no JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  checkMessage(REQUEST, parsed, '', path);
  return parsed as RunSpec;
}

/** Checks names of fields and values of enums, down to the leaves. */
function checkMessage(message: string, value: unknown, at: string, file: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(file, at, 'must be an object');
  const fields = fieldsOf(message);
  for (const [name, item] of Object.entries(value)) {
    const path = at === '' ? name : `${at}.${name}`;
    const field = fields.get(name);
    if (field === undefined) {
      // The names of oneofs come with every decoded message, so a printed plan holds them.
      if (typeof item === 'string' && fields.has(item)) continue;
      const near = nearest(name, [...fields.keys()]);
      throw wrong(
        file,
        path,
        near === undefined ? `is no field; ${message} has ${[...fields.keys()].join(', ')}` : `is no field. Did you mean ${near}?`,
      );
    }
    if (item === null || field.map) continue;
    if (field.repeated !== Array.isArray(item)) throw wrong(file, path, field.repeated ? 'must be a list' : 'must not be a list');
    const items: unknown[] = Array.isArray(item) ? item : [item];
    for (const [index, one] of items.entries()) {
      const place = field.repeated ? `${path}[${index}]` : path;
      if (field.message !== null) checkMessage(field.message, one, place, file);
      else if (field.enumValues !== null && !field.enumValues.includes(String(one))) {
        throw wrong(file, place, `must be one of ${field.enumValues.slice(1).join(', ')}`);
      }
    }
  }
}

function wrong(file: string, path: string, rule: string) {
  return invalidInput('--spec', file, path === '' ? rule : `${path} ${rule}`);
}
