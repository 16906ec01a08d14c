import { ResourceExhausted } from '../errors.js';

const MAX_CALLERS = 10_000;

/** Calls per second and caller, with room for a burst of twice as many. Callers beyond what is remembered share one allowance. */
export class RateLimit {
  readonly #buckets = new Map<string, { left: number; at: number }>();
  #forgotAt = -Infinity;

  /** @param perSecond 0 for no limit */
  constructor(
    private readonly perSecond: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Counts a call. @throws ResourceExhausted, with the time after which to try again */
  take(caller: string): void {
    if (this.perSecond === 0) return;
    const burst = this.perSecond * 2;
    const now = this.now();
    const bucket = this.#bucketOf(caller, burst, now);
    bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) / 1000) * this.perSecond);
    bucket.at = now;
    if (bucket.left < 1) {
      const waitMs = Math.ceil(((1 - bucket.left) / this.perSecond) * 1000);
      throw new ResourceExhausted('calls', `${caller} makes more than ${this.perSecond} calls per second`, waitMs);
    }
    bucket.left -= 1;
  }

  #bucketOf(caller: string, burst: number, now: number): { left: number; at: number } {
    const known = this.#buckets.get(caller);
    if (known !== undefined) return known;
    if (this.#buckets.size >= MAX_CALLERS) this.#forget(now);
    const key = this.#buckets.size < MAX_CALLERS ? caller : '';
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) this.#buckets.set(key, (bucket = { left: burst, at: now }));
    return bucket;
  }

  /** Whoever has been quiet for long has a full allowance again: nothing needs to be kept. Looked for once a second at most. */
  #forget(now: number): void {
    if (now - this.#forgotAt < 1000) return;
    this.#forgotAt = now;
    for (const [caller, { at }] of this.#buckets) if (now - at > 60_000) this.#buckets.delete(caller);
  }
}
