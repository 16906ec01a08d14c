import { Gate, clientTls, type GateSettings, type PeerOptions } from '@rift/service-kit';

/** Paths and secrets of the connections; whatever is not set is not used. */
export interface SecuritySettings extends GateSettings {
  /** Authority of the workers' certificates: they are called over TLS. */
  readonly workerAuthority: string | undefined;
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

/** The door of both APIs. @throws FailedPrecondition when a file cannot be used */
export function gateOf(settings: SecuritySettings): Gate<Role> {
  return new Gate(settings, { roles: ROLES, roleFor });
}

/** How workers are called. @throws FailedPrecondition when a file cannot be used */
export function workerSecurity({ certificate, key, workerAuthority, workerToken }: SecuritySettings): PeerOptions {
  const identity = certificate === undefined || key === undefined ? undefined : { certificate, key };
  return {
    ...(workerAuthority === undefined ? {} : { credentials: clientTls({ authority: workerAuthority, ...(identity ? { identity } : {}) }) }),
    ...(workerToken === undefined ? {} : { token: workerToken }),
  };
}
