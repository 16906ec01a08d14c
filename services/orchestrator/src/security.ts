import type { Metadata, ServerCredentials } from '@grpc/grpc-js';
import { BearerTokens, clientTls, serverTls, type PeerOptions, type ServerTlsFiles } from '@rift/service-kit';

/** Paths and secrets of the connections; whatever is not set is not used. */
export interface SecuritySettings {
  /** PEM files of the own certificate: with them the API is served over TLS, and workers are shown who calls. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Authority of clients' certificates: only clients that have one are let in. */
  readonly clientAuthority: string | undefined;
  /** Authority of the workers' certificates: they are called over TLS. */
  readonly workerAuthority: string | undefined;
  /** File of "ROLE TOKEN" lines: only callers with a token are let in. */
  readonly tokensFile: string | undefined;
  /** Token that the workers ask for. */
  readonly workerToken: string | undefined;
}

/** What a caller may do: read; also start work and bring data; also delete. */
export const ROLES = ['read', 'submit', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Methods whose role does not follow from how their name begins. */
const READING = /^(Get|List|Watch|Stat|Download|ExpandPlan|Check)/;
const DELETING = /^Delete/;

/** The least powerful role that may call a method. @param path as on the wire */
export function roleFor(path: string): Role {
  if (/^\/grpc\.(health|reflection)\./.test(path)) return 'read';
  const method = path.slice(path.lastIndexOf('/') + 1);
  if (READING.test(method)) return 'read';
  return DELETING.test(method) ? 'admin' : 'submit';
}

/** How the gRPC API lets callers in. @throws FailedPrecondition when a file cannot be used */
export function serverSecurity(settings: SecuritySettings): {
  credentials?: ServerCredentials;
  authorize?: (metadata: Metadata, path: string) => void;
} {
  const tokens = tokensOf(settings);
  const files = tlsFilesOf(settings);
  return {
    ...(files === undefined ? {} : { credentials: serverTls(files) }),
    ...(tokens === undefined ? {} : { authorize: (metadata, path) => tokens.admit(metadata, path, roleFor(path)) }),
  };
}

/** The tokens that callers of either API show; undefined when none are asked for. @throws FailedPrecondition for an unusable file */
export function tokensOf({ tokensFile }: SecuritySettings): BearerTokens<Role> | undefined {
  return tokensFile === undefined ? undefined : BearerTokens.fromFile(tokensFile, ROLES);
}

/** The own certificate; undefined when there is none. */
export function tlsFilesOf({ certificate, key, clientAuthority }: SecuritySettings): ServerTlsFiles | undefined {
  if (certificate === undefined || key === undefined) return undefined;
  return { certificate, key, ...(clientAuthority === undefined ? {} : { clientAuthority }) };
}

/** How workers are called. @throws FailedPrecondition when a file cannot be used */
export function workerSecurity({ certificate, key, workerAuthority, workerToken }: SecuritySettings): PeerOptions {
  const identity = certificate === undefined || key === undefined ? undefined : { certificate, key };
  return {
    ...(workerAuthority === undefined ? {} : { credentials: clientTls({ authority: workerAuthority, ...(identity ? { identity } : {}) }) }),
    ...(workerToken === undefined ? {} : { token: workerToken }),
  };
}
