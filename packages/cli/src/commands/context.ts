import type { RiftClient } from '@rift/client';
import type { NetworkInfo } from '@rift/contracts';
import type { Command } from 'commander';

import { resolveDataset, type ResolvedDataset } from '../inputs/datasets.js';
import { resolveNetwork, type CheckpointOptions } from '../inputs/networks.js';
import type { Session } from '../session.js';
import type { DataOptions } from './options.js';

/** Makes the session of a command out of its global options. */
export type StartSession = (command: Command) => Session;

/** Adds one command to the program. */
export type Register = (program: Command, start: StartSession) => void;

/** An example for the help of a command. */
export function example(...lines: string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}

/** The network that an option of this command means. */
export function networkOf(
  session: Session,
  client: RiftClient,
  given: string,
  options: CheckpointOptions,
  field = '--network',
): Promise<NetworkInfo> {
  return resolveNetwork(client, given, field, options, session.interrupts.signal);
}

/** The data set that `--data` of this command means. */
export function datasetOf(session: Session, client: RiftClient, { data, format, heldOut }: DataOptions): Promise<ResolvedDataset> {
  const options = { ...(format === undefined ? {} : { format }), ...(heldOut === undefined ? {} : { heldOut }) };
  return resolveDataset(client, data, options, session.options.seed, {
    signal: session.interrupts.signal,
    note: (text) => session.output.note(text),
  });
}
