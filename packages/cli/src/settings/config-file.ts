import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { usageError } from '../errors.js';
import { nearest } from '../parse/nearest.js';
import { SETTINGS, type Origin, type SettingKey } from './settings.js';

/** A value of a configuration file, not yet checked. */
export interface FileValue {
  readonly key: SettingKey;
  readonly text: string;
  readonly origin: Origin;
}

/** Name of the file that a project keeps in the folder where its commands run. */
export const PROJECT_FILE = 'rift.json';

/**
 * The files that are looked at, the weaker first: the user's own and the folder's, or the one that RIFT_CONFIG names.
 *
 * @throws a usage error when RIFT_CONFIG names a file that is not there
 */
export function configFiles(variables: Readonly<Record<string, string | undefined>>, folder: string): string[] {
  const named = variables['RIFT_CONFIG'];
  if (named !== undefined && named !== '') {
    const path = resolve(folder, named);
    if (!existsSync(path)) throw usageError(`RIFT_CONFIG is ${named}: there is no such file.`);
    return [path];
  }
  const { XDG_CONFIG_HOME = '', HOME = '' } = variables;
  const own = XDG_CONFIG_HOME !== '' ? XDG_CONFIG_HOME : HOME === '' ? undefined : join(HOME, '.config');
  const files = [...(own === undefined ? [] : [join(own, 'rift', 'config.json')]), join(folder, PROJECT_FILE)];
  return files.filter((file) => existsSync(file));
}

/**
 * The values of all configuration files, the weaker first.
 *
 * @throws a usage error that names file and key; an unknown key is refused with the nearest known one
 */
export function readConfigFiles(variables: Readonly<Record<string, string | undefined>>, folder: string): FileValue[] {
  return configFiles(variables, folder).flatMap((file) => valuesOf(file));
}

function valuesOf(file: string): FileValue[] {
  const known = new Map(SETTINGS.map((definition) => [definition.key as string, definition]));
  return Object.entries(objectIn(file)).map(([key, value]) => {
    const definition = known.get(key);
    if (definition === undefined)
      throw usageError(`${file} sets ${JSON.stringify(key)}, which is not known. ${help(key, [...known.keys()])}`);
    if (typeof value !== 'string' && typeof value !== 'number') throw usageError(`${file}: ${key} must be a text or a number.`);
    const text = definition.isPath ? resolve(dirname(file), String(value)) : String(value);
    return { key: definition.key, text, origin: { kind: 'file', name: file } };
  });
}

function objectIn(file: string): object {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw usageError(`${file} is no JSON document (${error instanceof Error ? error.message : String(error)}).`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw usageError(`${file} must hold a JSON object.`);
  return document;
}

function help(key: string, known: readonly string[]): string {
  if (key === 'token') return 'A token does not belong in it: name a file that holds it with "tokenFile".';
  const near = nearest(key, known);
  return near === undefined ? `The settings are ${known.join(', ')}.` : `Did you mean ${near}?`;
}
