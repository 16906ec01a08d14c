import { ResourceExhausted } from '../errors.js';

/** Counts the streams that each caller has open: a rate does not bound what stays. */
export class OpenStreams {
  readonly #open = new Map<string, number>();

  /** @param most for one caller; 0 for no limit */
  constructor(private readonly most: number) {}

  /** Counts a stream in. @returns counts it out again; to be called once @throws ResourceExhausted when the caller has too many */
  enter(caller: string): () => void {
    if (this.most === 0) return () => undefined;
    const now = this.#open.get(caller) ?? 0;
    if (now >= this.most) throw new ResourceExhausted('streams', `${caller} has ${now} open, no caller may have more; end one first`);
    this.#open.set(caller, now + 1);
    return () => {
      const left = (this.#open.get(caller) ?? 1) - 1;
      if (left === 0) this.#open.delete(caller);
      else this.#open.set(caller, left);
    };
  }
}
