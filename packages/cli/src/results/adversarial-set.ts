import type { RiftClient } from '@rift/client';
import { join } from 'node:path';

import { writeNpz } from './npz.js';

/** Where an adversarial set was written. */
export interface SavedSet {
  readonly safetensors: string;
  readonly npz: string;
}

/**
 * Downloads an adversarial set into a folder, as the artifact itself and as .npz with `adv`, `y` and `index`.
 *
 * @throws InvalidArgument when the artifact is no adversarial set
 */
export async function saveAdversarialSet(client: RiftClient, digest: string, folder: string, signal: AbortSignal): Promise<SavedSet> {
  const saved = { safetensors: join(folder, 'adversarial.safetensors'), npz: join(folder, 'adversarial.npz') };
  await client.artifacts.downloadFile(digest, saved.safetensors, { signal });
  await writeNpz(saved.safetensors, saved.npz, ['adv', 'y', 'index']);
  return saved;
}
