import { ExitCode } from '@rift/service-kit/client';
import process from 'node:process';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Turns the first Ctrl-C (or SIGTERM, SIGHUP) into an abort signal, so that a command can wind up what it began, and the
 * second into an end at once.
 */
export class Interrupts implements Disposable {
  readonly #controller = new AbortController();
  readonly #atOnce = new Set<() => void>();
  readonly #listener = (): void => this.#receive();

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  /** Fires with the first interruption. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Registers what has to happen before a second interruption ends the process; must not wait for anything. */
  onSecond(action: () => void): Disposable {
    this.#atOnce.add(action);
    return { [Symbol.dispose]: () => void this.#atOnce.delete(action) };
  }

  #receive(): void {
    if (!this.#controller.signal.aborted) {
      this.#controller.abort();
      return;
    }
    for (const action of this.#atOnce) action();
    process.exit(ExitCode.cancelled);
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
  }
}
