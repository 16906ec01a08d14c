/** One thing the service needs before it can do work. */
export interface ReadinessCheck {
  readonly name: string;
  /** Resolves when the thing is there, rejects with the reason when it is not. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
}

export interface ReadinessState {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

const PROBE_TIMEOUT_MS = 4000;

/** Asks its checks again and again and tells whoever listens when the answer changes. A draining service is not ready, whatever they say. */
export class Readiness {
  #state: ReadinessState = { ready: false, checks: [] };
  #draining = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #listeners: ((ready: boolean) => void)[] = [];

  constructor(
    private readonly checks: readonly ReadinessCheck[] = [],
    private readonly intervalMs = 5000,
  ) {}

  get state(): ReadinessState {
    return this.#state;
  }

  /** `listener` is told the present state now and every change later. */
  onChange(listener: (ready: boolean) => void): void {
    this.#listeners.push(listener);
    listener(this.#state.ready);
  }

  /** Probes once, then on in the background. */
  async start(): Promise<void> {
    await this.refresh();
    this.#timer = setInterval(() => void this.refresh(), this.intervalMs).unref();
  }

  /** Not ready from now on. */
  drain(): void {
    this.#draining = true;
    clearInterval(this.#timer);
    this.#set({ ready: false, checks: this.#state.checks });
  }

  async refresh(): Promise<void> {
    const checks = await Promise.all(
      this.checks.map(async ({ name, probe }) => {
        try {
          const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
          const late = new Promise<never>((_, reject) =>
            signal.addEventListener('abort', () => reject(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`))),
          );
          await Promise.race([probe(signal), late]);
          return { name, ok: true, detail: '' };
        } catch (error) {
          return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
        }
      }),
    );
    this.#set({ ready: !this.#draining && checks.every(({ ok }) => ok), checks });
  }

  #set(state: ReadinessState): void {
    const changed = state.ready !== this.#state.ready;
    this.#state = state;
    if (changed) for (const listener of this.#listeners) listener(state.ready);
  }
}
