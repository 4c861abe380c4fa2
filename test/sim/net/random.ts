/** A seeded source of chance: the same seed gives the same run. */
export type Random = () => number;

/** Numbers from 0 up to, but not including, 1 (the algorithm known as mulberry32; good enough to lose packets). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
