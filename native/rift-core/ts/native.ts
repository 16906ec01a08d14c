import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { FailedPrecondition } from '@rift/service-kit/client';

import { keepChoices, letOpenMpSleep, pointToFrost } from './config.js';

/** A job as the addon hands it out: queued or running on the compute thread. */
export interface NativeJob {
  /** Number of the job within this process. */
  readonly id: number | string;
  /** Resolves with the result's JSON; rejects with an error whose message is the JSON of a {@link NativeFailure}. */
  wait(): Promise<string>;
  /** Asks the job to stop within one batch; `wait` then rejects with code "Cancelled". Safe to repeat. */
  cancel(): void;
}

/** What one batch of an online attack comes back as. */
export interface NativePerturbed {
  /** float32 pixels, shape of the request's images. */
  images: Buffer;
  /** int64, one per image: 1 where the network still classifies it right. */
  robust: Buffer;
  /** JSON of the wire's AttackAudit. */
  audit: string;
}

/** A network that is kept loaded for an online attack. */
export interface NativePerturbSession {
  /** Attacks one batch; `shape` is JSON `[N,3,H,W]`. Batches are computed in the order of the calls. */
  perturb(images: Buffer, labels: Buffer, shape: string, firstIndex: number): Promise<NativePerturbed>;
  /** Lets the network go; a batch under way is stopped. Safe to repeat. */
  close(): void;
}

/** The addon, in the order of its Rust exports. */
export interface NativeAddon {
  /** Queues a job. Throws when `kind` or the shape of the request is unknown. */
  submit(kind: string, requestJson: string, onProgress: (json: string) => void): NativeJob;
  /** Loads a network for an online attack. */
  openPerturb(requestJson: string): NativePerturbSession | Promise<NativePerturbSession>;
  /** JSON of what this machine has: libtorch, devices, bf16, threads, chosen precision. */
  doctor(): string;
  /** Lets this process load networks that are TorchScript programs, which it refuses otherwise. */
  allowTorchscript(): void;
}

/** What the addon's errors carry as the JSON of their message. */
export interface NativeFailure {
  /** Name of the engine's error variant ("InvalidArgument", "Cancelled", …). */
  code: string;
  message: string;
  /** Path of the field at fault, in the wire's camelCase. */
  field?: string;
  value?: string;
  rule?: string;
}

/** Where the build puts the addon. */
export const ADDON_PATH: string = fileURLToPath(new URL('../rift-core.node', import.meta.url));

let loaded: NativeAddon | undefined;

/**
 * The addon; the first call loads it, and libtorch with it.
 * @throws FailedPrecondition when it was not built
 */
export function loadNative(): NativeAddon {
  if (loaded === undefined) {
    if (!existsSync(ADDON_PATH)) throw new FailedPrecondition('engine', `${ADDON_PATH} is missing; run "npm run setup" to build it`);
    letOpenMpSleep();
    pointToFrost();
    keepChoices();
    loaded = createRequire(import.meta.url)(ADDON_PATH) as NativeAddon;
  }
  return loaded;
}
