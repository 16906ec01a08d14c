import { EnvironmentError, readEnvironment, setting } from '@rift/service-kit/client';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { resolve } from 'node:path';

import { usageError } from './errors.js';
import { readConfigFiles } from './settings/config-file.js';
import { SETTINGS, type Origin, type SettingKey, type Settings } from './settings/settings.js';

/** What the command line takes from the environment and the configuration files; flags go before both. */
export interface Environment extends Settings {
  /** Bearer token sent with every call. */
  readonly token: string | undefined;
  /** NO_COLOR is set to anything. */
  readonly noColor: boolean;
  /** Where each setting that is set comes from. */
  readonly origins: ReadonlyMap<SettingKey, Origin>;
  /** What child processes inherit. */
  readonly inherited: Readonly<Record<string, string>>;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks the settings: environment variables go before ./rift.json, and that before the user's own file.
 *
 * @throws a usage error that names the variable, or file and key, at fault
 */
export function readConfig(variables: Variables = process.env, folder: string = process.cwd()): Environment {
  const texts = new Map<SettingKey, { text: string; origin: Origin }>();
  for (const { key, text, origin } of readConfigFiles(variables, folder)) texts.set(key, { text, origin });
  for (const { key, variable, isPath } of SETTINGS) {
    const text = variables[variable];
    if (text === undefined || text === '') continue;
    texts.set(key, { text: isPath ? resolve(folder, text) : text, origin: { kind: 'variable', name: variable } });
  }
  const values: Partial<Record<SettingKey, unknown>> = { home: resolve(folder, '.rift') };
  for (const { key, variable, parse } of SETTINGS) {
    const given = texts.get(key);
    if (given === undefined) continue;
    const { text, origin } = given;
    values[key] = parse(text, origin.kind === 'variable' ? variable : `${origin.name}: ${key}`);
  }
  const settings = values as unknown as Settings;
  return {
    ...settings,
    token: readToken(variables, settings.tokenFile),
    noColor: (variables['NO_COLOR'] ?? '') !== '',
    origins: new Map([...texts].map(([key, { origin }]) => [key, origin])),
    inherited: Object.fromEntries(Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined)),
  };
}

/** The token itself comes from the environment only: settings files are copied about and checked in. */
function readToken(variables: Variables, tokenFile: string | undefined): string | undefined {
  try {
    const { RIFT_TOKEN: token } = readEnvironment({ RIFT_TOKEN: setting.text().optional() }, { RIFT_TOKEN: variables['RIFT_TOKEN'] });
    if (token !== undefined && variables['RIFT_TOKEN_FILE'] !== undefined && variables['RIFT_TOKEN_FILE'] !== '')
      throw usageError('RIFT_TOKEN and RIFT_TOKEN_FILE are both set: give one of them.');
    return token ?? (tokenFile === undefined ? undefined : readFileSync(tokenFile, 'utf8').trimEnd());
  } catch (error) {
    if (error instanceof EnvironmentError) throw usageError(error.message);
    if (error instanceof Error && 'code' in error) throw usageError(`The token file ${tokenFile ?? ''} cannot be read (${error.message}).`);
    throw error;
  }
}
