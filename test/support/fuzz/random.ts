/** Numbers that look random and come again with the same seed (xorshift32 over a mixed seed). */

/** Values at which lengths, counts and offsets go wrong. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 47, 48, 63, 64, 127, 128, 255, 256, 511, 512, 513, 1023, 1024, 2047,
  2048, 4095, 4096, 8191, 8192, 8193, 65_535, 65_536, 262_144, 262_145, 0xffffff, 0x7fffffff, 0x80000000,
  0xfffffffe, 0xffffffff,
];

export class Random {
  #state: number;

  /** `run` makes a sequence of its own out of the same seed. */
  constructor(seed: number, run = 0) {
    let mixed = (seed ^ Math.imul(run + 1, 0x9e3779b1)) >>> 0;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    this.#state = (mixed ^ (mixed >>> 16)) >>> 0 || 1;
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return end <= 1 ? 0 : this.#state % end;
  }

  /** From `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) throw new RangeError("nothing to pick from");
    return picked;
  }

  /** A number of that many bits at most, more often than not one at an edge. */
  edge(bits: number): number {
    const most = 2 ** bits;
    if (this.chance(25)) return this.below(most);
    const near = this.pick(EDGES) + (this.chance(30) ? this.between(-2, 2) : 0);
    return ((near % most) + most) % most;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
