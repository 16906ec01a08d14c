import type { ComputeSpec } from '@rift/contracts';

import { parseDevice, parseEndpoint } from '../parse/device.js';
import { integer } from '../parse/numbers.js';
import { PRECISIONS, choose } from '../parse/vocabulary.js';

/** Settings that an environment variable or a configuration file may give, each by its key in the file. */
export interface Settings {
  /** Folder of the local state, absolute. */
  readonly home: string;
  /** HOST:PORT of a running service; undefined means: start what is needed on this machine. */
  readonly endpoint: string | undefined;
  /** File that holds the bearer token. */
  readonly tokenFile: string | undefined;
  /** Certificate authority of the service (PEM file); TLS is used when set. */
  readonly tlsCa: string | undefined;
  /** Own certificate and key (PEM files) for mutual TLS. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly device: string | undefined;
  readonly threads: number | undefined;
  readonly seed: number | undefined;
  readonly precision: ComputeSpec['precision'] | undefined;
}

/** Name of a setting in a configuration file. */
export type SettingKey = keyof Settings;

/** Where a value comes from: an environment variable, or a file, by its name. */
export interface Origin {
  readonly kind: 'variable' | 'file';
  readonly name: string;
}

/** One setting. */
export interface SettingDefinition {
  readonly key: SettingKey;
  readonly variable: string;
  /** Flag that goes before both; null where there is none. */
  readonly flag: string | null;
  /** Relative paths are taken from the folder of the file that holds them. */
  readonly isPath: boolean;
  /** Checks a value. @throws a usage error that names `what` */
  readonly parse: (text: string, what: string) => unknown;
}

const text = (value: string): string => value;

const path = (key: SettingKey, variable: string): SettingDefinition => ({ key, variable, flag: null, isPath: true, parse: text });

const option = (key: SettingKey, parse: SettingDefinition['parse']): SettingDefinition => ({
  key,
  variable: `RIFT_${key.toUpperCase()}`,
  flag: `--${key}`,
  isPath: false,
  parse,
});

/** Bounds of `--threads`. */
export const THREADS = { min: 0, max: 1024 } as const;

/** Bounds of `--memory`, in MiB. */
export const MEMORY = { min: 0, max: 16_777_216 } as const;

/** Bounds of `--seed`. */
export const SEED = { min: 0, max: 2 ** 32 - 1 } as const;

/** Every setting, in the order in which they are shown. */
export const SETTINGS: readonly SettingDefinition[] = [
  path('home', 'RIFT_HOME'),
  option('endpoint', parseEndpoint),
  path('tokenFile', 'RIFT_TOKEN_FILE'),
  path('tlsCa', 'RIFT_TLS_CA'),
  path('tlsCert', 'RIFT_TLS_CERT'),
  path('tlsKey', 'RIFT_TLS_KEY'),
  option('device', parseDevice),
  option('threads', (value, what) => integer(what, THREADS)(value)),
  option('seed', (value, what) => integer(what, SEED)(value)),
  option('precision', (value, what) => choose(PRECISIONS, value, what)),
];
