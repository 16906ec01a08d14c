/**
 * xoshiro128** (Blackman & Vigna 2018): a fast generator with a seed, which Math.random has not. Its four words are a
 * Weyl sequence through MurmurHash3's finaliser, so that near seeds give unlike streams and seed 0 works too.
 */
export class Xoshiro128 {
  private readonly state: Uint32Array;

  /**
   * @param seed integer in [0, 2³²).
   * @throws RangeError otherwise.
   */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) throw new RangeError(`seed ${seed} must be a whole number in [0, 2^32)`);
    this.state = new Uint32Array(4);
    let counter = seed;
    for (let i = 0; i < 4; i += 1) {
      counter = (counter + 0x9e3779b9) | 0;
      let z = counter;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.state[i] = z ^ (z >>> 16);
    }
  }

  /** Next word, an integer in [0, 2³²). */
  next(): number {
    const s = this.state as unknown as [number, number, number, number];
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** Integer in [0, bound), bound at most 2³². The bias of the multiplication is below bound / 2³². */
  below(bound: number): number {
    return Math.floor((this.next() * bound) / 4294967296);
  }
}
