import { BearerTokens, EnvironmentError, serverTls, type ServiceOptions } from '@rift/service-kit';

import type { WorkerSettings } from './settings.js';

/** What a caller may do: look at artifacts; also start work. The orchestrator's token files, which know admin too, fit. */
const ROLES = ['read', 'submit', 'admin'] as const;

/** The settings that say who is let in. */
export type SecuritySettings = Pick<WorkerSettings, 'RIFT_TLS_CERT' | 'RIFT_TLS_KEY' | 'RIFT_TLS_CLIENT_CA' | 'RIFT_TOKENS'>;

/** The least powerful role that may call a method. @param path as on the wire */
export function roleFor(path: string): (typeof ROLES)[number] {
  return /^\/grpc\.(health|reflection)\.|\/Inspect\w+$/.test(path) ? 'read' : 'submit';
}

/**
 * How a worker lets callers in.
 * @throws EnvironmentError for settings that do not fit together, FailedPrecondition when a file cannot be used
 */
export function workerSecurity(settings: SecuritySettings): Pick<ServiceOptions['grpc'], 'credentials' | 'authorize'> {
  const { RIFT_TLS_CERT: certificate, RIFT_TLS_KEY: key, RIFT_TLS_CLIENT_CA: clientAuthority, RIFT_TOKENS: tokensFile } = settings;
  if ((certificate === undefined) !== (key === undefined)) {
    throw new EnvironmentError(['RIFT_TLS_CERT and RIFT_TLS_KEY belong together: set both or neither']);
  }
  if (clientAuthority !== undefined && certificate === undefined) {
    throw new EnvironmentError(['RIFT_TLS_CLIENT_CA needs RIFT_TLS_CERT and RIFT_TLS_KEY: clients are told apart over TLS only']);
  }
  const tokens = tokensFile === undefined ? undefined : BearerTokens.fromFile(tokensFile, ROLES);
  return {
    ...(certificate === undefined || key === undefined
      ? {}
      : { credentials: serverTls({ certificate, key, ...(clientAuthority === undefined ? {} : { clientAuthority }) }) }),
    ...(tokens === undefined ? {} : { authorize: (metadata, path) => tokens.admit(metadata, path, roleFor(path)) }),
  };
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
