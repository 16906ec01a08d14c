import { EnvironmentError, readEnvironment, setting } from '@rift/service-kit/client';
import { resolve } from 'node:path';

import { usageError } from './errors.js';

/** What the command line takes from the environment; flags go before it. */
export interface Environment {
  /** Folder of the local state, absolute. */
  readonly home: string;
  /** HOST:PORT of a running service; undefined means: start what is needed on this machine. */
  readonly endpoint: string | undefined;
  /** Bearer token sent with every call. */
  readonly token: string | undefined;
  /** Certificate authority of the service (PEM file); TLS is used when set. */
  readonly tlsCa: string | undefined;
  /** Own certificate and key (PEM files) for mutual TLS. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** NO_COLOR is set to anything. */
  readonly noColor: boolean;
  /** What child processes inherit. */
  readonly inherited: Readonly<Record<string, string>>;
}

/** Reads and checks the environment. @throws a usage error that names every variable at fault */
export function readConfig(variables: Readonly<Record<string, string | undefined>> = process.env): Environment {
  try {
    const read = readEnvironment(
      {
        RIFT_HOME: setting.text().default('.rift'),
        RIFT_ENDPOINT: setting.address().optional(),
        RIFT_TOKEN: setting.text().optional(),
        RIFT_TLS_CA: setting.text().optional(),
        RIFT_TLS_CERT: setting.text().optional(),
        RIFT_TLS_KEY: setting.text().optional(),
      },
      variables,
    );
    return {
      home: resolve(read.RIFT_HOME),
      endpoint: read.RIFT_ENDPOINT,
      token: read.RIFT_TOKEN,
      tlsCa: read.RIFT_TLS_CA,
      tlsCert: read.RIFT_TLS_CERT,
      tlsKey: read.RIFT_TLS_KEY,
      noColor: (variables['NO_COLOR'] ?? '') !== '',
      inherited: Object.fromEntries(Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined)),
    };
  } catch (error) {
    if (error instanceof EnvironmentError) throw usageError(error.message);
    throw error;
  }
}
