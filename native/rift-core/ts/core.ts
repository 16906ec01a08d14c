import { runJob, type JobOptions } from './jobs.js';
import { loadNative, type NativeAddon } from './native.js';
import { openPerturb, type PerturbSession } from './perturb.js';
import type { JobKind, JobRequests, JobResults, PerturbRequest } from './requests.js';

/** The engine as the services see it. */
export interface Core {
  /** See {@link runJob}. */
  runJob<K extends JobKind>(kind: K, request: JobRequests[K], options?: JobOptions): Promise<JobResults[K]>;
  /** Loads a network for an online attack; whoever opens it closes it. */
  openPerturb(request: PerturbRequest): Promise<PerturbSession>;
  /** What this machine has: libtorch, devices, bf16, threads, chosen precision. */
  doctor(): Readonly<Record<string, unknown>>;
}

/** What the engine may do. */
export interface CoreOptions {
  /** Whether it runs networks that are TorchScript programs; false unless said. */
  readonly allowTorchscript?: boolean;
}

/**
 * The engine over an addon.
 * @param load called at the first use; the real addon by default
 */
export function createCore(load: () => NativeAddon = loadNative, { allowTorchscript = false }: CoreOptions = {}): Core {
  const addon = (): NativeAddon => {
    const loaded = load();
    if (allowTorchscript) loaded.allowTorchscript();
    return loaded;
  };
  return {
    runJob: async (kind, request, options) => runJob(addon(), kind, request, options),
    openPerturb: async (request) => openPerturb(addon(), request),
    doctor: () => JSON.parse(addon().doctor()) as Record<string, unknown>,
  };
}
