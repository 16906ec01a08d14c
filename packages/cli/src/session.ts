import { RiftClient } from '@rift/client';
import type { ComputeSpec } from '@rift/contracts';
import type { PeerOptions } from '@rift/service-kit/client';
import { credentials } from '@grpc/grpc-js';
import { readFileSync } from 'node:fs';

import type { Environment } from './config.js';
import { invalidInput, usageError } from './errors.js';
import type { Interrupts } from './interrupts.js';
import { acquireStack } from './local/lease.js';
import { duration } from './output/format.js';
import type { Output } from './output/output.js';

/** The options that every command takes. */
export interface GlobalOptions {
  readonly endpoint?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly device: string;
  readonly threads: number;
  readonly seed: number;
  readonly precision: ComputeSpec['precision'];
  readonly plain?: boolean;
  readonly memory: number;
  readonly color: boolean;
}

/** What a command works with. */
export interface Session {
  /** Names of the options that were typed. */
  readonly given: ReadonlySet<string>;
  readonly options: GlobalOptions;
  readonly environment: Environment;
  readonly output: Output;
  readonly interrupts: Interrupts;
}

const CONNECT_MS = 5_000;

/** Where the service is; undefined means this machine. */
export function endpointOf({ options }: Session): string | undefined {
  return options.endpoint;
}

/** How the stages of this command compute. */
export function computeOf({ options }: Session): ComputeSpec {
  const { device, precision, threads, plain, memory } = options;
  return { device, precision, batchSize: 0, threads, plain: plain === true, memoryMib: memory };
}

/**
 * Runs an action against the service: the one of the endpoint, or one that is started on this machine for as long as the
 * action takes.
 *
 * @throws Unavailable when no connection stands within five seconds
 */
export async function withClient<T>(session: Session, action: (client: RiftClient) => Promise<T>): Promise<T> {
  const endpoint = endpointOf(session);
  if (endpoint !== undefined) {
    using client = new RiftClient(endpoint, peerOptions(session.environment));
    await client.ready(CONNECT_MS);
    return await action(client);
  }
  const { output, interrupts, environment, options } = session;
  const started = Date.now();
  const lease = await acquireStack({
    home: environment.home,
    environment: environment.inherited,
    threads: options.threads,
    device: options.device,
    signal: interrupts.signal,
    onProgress: (text) => output.note(output.style('dim', text)),
  });
  using cleanup = new DisposableStack();
  cleanup.use(interrupts.onSecond(() => lease.kill()));
  try {
    output.note(output.style('dim', `services ready at ${lease.endpoint} after ${duration((Date.now() - started) / 1000)}`));
    using client = new RiftClient(lease.endpoint);
    return await action(client);
  } finally {
    await lease.release();
  }
}

/** Credentials for the endpoint, from RIFT_TOKEN and RIFT_TLS_*. @throws a usage or input error naming the variable */
export function peerOptions({ token, tlsCa, tlsCert, tlsKey }: Environment): PeerOptions {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw usageError('RIFT_TLS_CERT and RIFT_TLS_KEY belong together: set both or neither.');
  if (tlsCert !== undefined && tlsCa === undefined) throw usageError('RIFT_TLS_CERT needs RIFT_TLS_CA, the authority of the service.');
  const read = (name: string, path: string | undefined): Buffer | null => (path === undefined ? null : pem(name, path));
  return {
    ...(token === undefined ? {} : { token }),
    ...(tlsCa === undefined
      ? {}
      : { credentials: credentials.createSsl(read('RIFT_TLS_CA', tlsCa), read('RIFT_TLS_KEY', tlsKey), read('RIFT_TLS_CERT', tlsCert)) }),
  };
}

function pem(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw invalidInput(name, path, `cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
}
