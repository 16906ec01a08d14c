import { Gate, gateSettings } from '@rift/service-kit';

import type { WorkerSettings } from './settings.js';

/** What a caller may do: look at artifacts; also start work. The orchestrator's token files, which know admin too, fit. */
const ROLES = ['read', 'submit', 'admin'] as const;
type Role = (typeof ROLES)[number];

/** The least powerful role that may call a method. @param path as on the wire */
export function roleFor(path: string): Role {
  return /^\/grpc\.(health|reflection)\.|\/Inspect\w+$/.test(path) ? 'read' : 'submit';
}

/**
 * How a worker lets callers in.
 * @throws EnvironmentError for settings that do not fit together, FailedPrecondition when a file cannot be used
 */
export function workerGate(settings: WorkerSettings): Gate<Role> {
  return new Gate(gateSettings(settings), { roles: ROLES, roleFor });
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
