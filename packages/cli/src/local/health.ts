import { Peer, ServiceError } from '@rift/service-kit/client';
import { service } from 'grpc-health-check';
import type { MethodDefinition } from '@grpc/proto-loader';
import { setTimeout as sleep } from 'node:timers/promises';

const PROBE_MS = 1_000;
const PAUSE_MS = 100;

interface HealthRequest {
  readonly service: string;
}
interface HealthResponse {
  readonly status: string;
}

const check = service['Check'] as unknown as MethodDefinition<HealthRequest, HealthResponse>;

/** Where a service says how it is. */
export interface HealthTarget {
  /** HOST:PORT. */
  readonly address: string;
  /** Full name of the gRPC service; empty asks for the process alone. */
  readonly service: string;
}

/** Whether the service says that it can do work now. */
export async function isServing(peer: Peer, name: string): Promise<boolean> {
  try {
    const { status } = await peer.unary(check, { service: name }, { timeoutMs: PROBE_MS });
    return status === 'SERVING';
  } catch (error) {
    if (error instanceof ServiceError) return false;
    throw error;
  }
}

/** Resolves when the service can do work. @throws the signal's reason when it fires first */
export async function untilServing({ address, service: name }: HealthTarget, signal: AbortSignal): Promise<void> {
  const peer = new Peer(address);
  try {
    while (!(await isServing(peer, name))) {
      signal.throwIfAborted();
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
    signal.throwIfAborted();
  } finally {
    peer.close();
  }
}
