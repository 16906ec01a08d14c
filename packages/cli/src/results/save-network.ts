import type { RiftClient } from '@rift/client';
import { join } from 'node:path';

import type { Session } from '../session.js';

/** Folder of what a command leaves behind when nothing else is said. */
export const OUTPUT_FOLDER = 'rift-output';

/** Downloads a network artifact. @returns the path of the file */
export async function saveNetwork(
  { interrupts }: Pick<Session, 'interrupts'>,
  client: RiftClient,
  { runId, digest, output }: { readonly runId: string; readonly digest: string; readonly output: string | undefined },
): Promise<string> {
  const path = output ?? join(OUTPUT_FOLDER, runId, 'network.safetensors');
  await client.artifacts.downloadFile(digest, path, { signal: interrupts.signal });
  return path;
}
