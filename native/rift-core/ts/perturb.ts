import { fromJson, type AttackAudit } from '@rift/contracts';

import { fromNative } from './errors.js';
import type { NativeAddon, NativePerturbSession } from './native.js';
import type { PerturbRequest } from './requests.js';

/** Adversarial images of one batch. */
export interface Perturbed {
  /** float32 [N, 3, H, W] in [0, 1], little-endian. */
  images: Buffer;
  /** int64 [N], little-endian: 1 where the network still classifies the adversarial image right. */
  robust: Buffer;
  audit: AttackAudit;
}

/** An online attack on a network that stays loaded. */
export class PerturbSession {
  #closed = false;

  constructor(private readonly native: NativePerturbSession) {}

  /**
   * Attacks one batch; batches are computed in the order of the calls.
   * @param images float32 [N, 3, H, W] in [0, 1]
   * @param labels int64 [N]
   * @param firstIndex number of the first image, which keys its randomness
   */
  async perturb(images: Buffer, labels: Buffer, shape: readonly number[], firstIndex: number): Promise<Perturbed> {
    try {
      const batch = await this.native.perturb(images, labels, JSON.stringify(shape), firstIndex);
      const audit = fromJson('rift.common.v1.AttackAudit', JSON.parse(batch.audit) as object) as AttackAudit;
      return { images: batch.images, robust: batch.robust, audit };
    } catch (error) {
      throw fromNative(error, 'online attack');
    }
  }

  /** Lets the network go and stops a batch under way. Safe to repeat. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.native.close();
  }
}

/** Loads the network of an online attack. */
export async function openPerturb(addon: NativeAddon, request: PerturbRequest): Promise<PerturbSession> {
  try {
    return new PerturbSession(await addon.openPerturb(JSON.stringify(request)));
  } catch (error) {
    throw fromNative(error, 'online attack');
  }
}
