/** A canonical Huffman code of bzip2: lengths 1 to 20, shorter codes first, equal lengths in order of symbols. */
import type { BitReader } from "./bit-reader.ts";

export const CODE_LENGTH_MAX = 20;
/** Codes up to this length are found by one look. */
const FAST_BITS = 10;

/** What cannot be part of a bzip2 file. */
export class Bzip2Error extends Error {
  override readonly name = "Bzip2Error";
}

export class HuffmanCode {
  /** By the next bits: symbol and length of the code that they begin with; 0 when it is longer. */
  readonly #fast = new Uint16Array(1 << FAST_BITS);
  /** By length: the largest code, and what turns a code into a place in `#symbols`. */
  readonly #limit = new Int32Array(CODE_LENGTH_MAX + 2).fill(-1);
  readonly #base = new Int32Array(CODE_LENGTH_MAX + 2);
  readonly #symbols: Uint16Array;

  /** @param lengths by symbol, each 1 to 20. Throws a `Bzip2Error` when no code has these lengths. */
  constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    let code = 0;
    let place = 0;
    for (let length = 1; length <= CODE_LENGTH_MAX; length += 1) {
      this.#base[length] = place - code;
      for (let symbol = 0; symbol < lengths.length; symbol += 1) {
        if (lengths[symbol] !== length) continue;
        this.#symbols[place] = symbol;
        if (code >= 1 << length) throw new Bzip2Error("a code table of it is damaged");
        if (length <= FAST_BITS) {
          const first = code << (FAST_BITS - length);
          this.#fast.fill((symbol << 5) | length, first, first + (1 << (FAST_BITS - length)));
        }
        place += 1;
        code += 1;
      }
      this.#limit[length] = code - 1;
      code <<= 1;
    }
  }

  /** The next symbol. Throws a `Bzip2Error` when the bits are no code. */
  read(bits: BitReader): number {
    const fast = this.#fast[bits.peek(FAST_BITS)] ?? 0;
    if (fast !== 0) {
      bits.skip(fast & 31);
      return fast >>> 5;
    }
    const next = bits.peek(CODE_LENGTH_MAX);
    for (let length = FAST_BITS + 1; length <= CODE_LENGTH_MAX; length += 1) {
      const code = next >>> (CODE_LENGTH_MAX - length);
      if (code > (this.#limit[length] ?? -1)) continue;
      bits.skip(length);
      const symbol = this.#symbols[code + (this.#base[length] ?? 0)];
      if (symbol !== undefined) return symbol;
      break;
    }
    throw new Bzip2Error("it is damaged");
  }
}
