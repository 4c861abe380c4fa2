/**
 * One block of a bzip2 file, from its bits to its bytes:
 *
 *   Huffman codes -> move to front, runs of the front -> Burrows-Wheeler -> runs of equal bytes
 *
 * The format has no specification of its author's; this follows the description in the Wikipedia article on bzip2
 * and what the program itself writes.
 */
import type { BitReader } from "./bit-reader.ts";
import { crc32Bzip2 } from "./crc.ts";
import { Bzip2Error, CODE_LENGTH_MAX, HuffmanCode } from "./huffman.ts";

/** Bytes of a block before the last stage, for each step of the level from 1 to 9. */
const LEVEL_BYTES = 100_000;
/** Symbols after which the next selector chooses the code. */
const GROUP_SYMBOLS = 50;
const GROUPS_MIN = 2;
const GROUPS_MAX = 6;
/** What a block of 900,000 symbols and its end can need; files with a few more exist, and those are passed over. */
const SELECTORS_MAX = 18_002;
/** Symbols that write a run of the front byte, as digits 1 and 2 of a number with base 2. */
const RUN_A = 0;
const RUN_B = 1;
/** Equal bytes after which a count of further ones follows. */
const RUN_BYTES = 4;
/** The most bits that a block can take: every symbol with the longest code, and the tables. */
export const BLOCK_BYTES_MAX = Math.ceil((9 * LEVEL_BYTES * CODE_LENGTH_MAX) / 8) + 2 ** 18;

/** Scratch that blocks share, as large as the level wants. */
export class BlockDecoder {
  readonly #capacity: number;
  /** Low 8 bits: the byte; above: where the next one is. */
  readonly #next: Uint32Array;

  constructor(level: number) {
    this.#capacity = level * LEVEL_BYTES;
    this.#next = new Uint32Array(this.#capacity);
  }

  /**
   * Decodes the block behind its magic and yields its bytes in chunks of `chunkBytes` at most.
   * Throws a `Bzip2Error`, at the end also when the checksum is wrong. Returns the checksum.
   */
  *decode(bits: BitReader, chunkBytes: number): Generator<Uint8Array, number> {
    const wanted = ((bits.read(16) << 16) | bits.read(16)) >>> 0;
    if (bits.read(1) === 1) throw new Bzip2Error("it was made by a version of bzip2 that is no longer read");
    const origin = bits.read(24);
    const length = this.#readSymbols(bits);
    if (bits.overrun) throw new Bzip2Error("it ends in the middle: the file was cut off");
    if (origin >= length) throw new Bzip2Error("a block of it is damaged");
    const crc = yield* this.#expand(length, origin, chunkBytes);
    if (crc !== wanted) throw new Bzip2Error("the checksum of a block is wrong");
    return crc;
  }

  /** Fills the low bytes of `#next` with the last column, and the places above. Returns how many there are. */
  #readSymbols(bits: BitReader): number {
    const front = readUsedBytes(bits);
    const groups = bits.read(3);
    const selectorCount = bits.read(15);
    if (groups < GROUPS_MIN || groups > GROUPS_MAX || selectorCount === 0)
      throw new Bzip2Error("a block of it is damaged");
    const selectors = readSelectors(bits, groups, selectorCount);
    const endOfBlock = front.length + 1;
    const codes = Array.from({ length: groups }, () => readCode(bits, endOfBlock + 1));

    const counts = new Uint32Array(256);
    const next = this.#next;
    let length = 0;
    let run = 0;
    let digit = 1;
    let left = 0;
    let selector = 0;
    let code: HuffmanCode | undefined;
    for (;;) {
      if (left === 0) {
        code = codes[selectors[selector] ?? GROUPS_MAX];
        selector += 1;
        left = GROUP_SYMBOLS;
        if (bits.overrun) throw new Bzip2Error("it ends in the middle: the file was cut off");
      }
      if (!code) throw new Bzip2Error("a block of it is damaged");
      left -= 1;
      const symbol = code.read(bits);
      if (symbol <= RUN_B) {
        run += symbol === RUN_A ? digit : 2 * digit;
        digit *= 2;
        if (run > this.#capacity) throw new Bzip2Error("a block of it is larger than it may be");
        continue;
      }
      if (run > 0) {
        if (length + run > this.#capacity) throw new Bzip2Error("a block of it is larger than it may be");
        const byte = front[0] ?? 0;
        next.fill(byte, length, length + run);
        counts[byte] = (counts[byte] ?? 0) + run;
        length += run;
        run = 0;
        digit = 1;
      }
      if (symbol === endOfBlock) break;
      if (length >= this.#capacity) throw new Bzip2Error("a block of it is larger than it may be");
      const place = symbol - 1;
      const byte = front[place] ?? 0;
      front.copyWithin(1, 0, place);
      front[0] = byte;
      next[length] = byte;
      counts[byte] = (counts[byte] ?? 0) + 1;
      length += 1;
    }
    linkNext(next, length, counts);
    return length;
  }

  *#expand(length: number, origin: number, chunkBytes: number): Generator<Uint8Array, number> {
    const next = this.#next;
    let crc = 0xffffffff;
    let out = new Uint8Array(chunkBytes);
    let filled = 0;
    let at = (next[origin] ?? 0) >>> 8;
    let last = -1;
    let equal = 0;
    for (let left = length; left > 0; left -= 1) {
      const entry = next[at] ?? 0;
      at = entry >>> 8;
      const byte = entry & 0xff;
      if (equal === RUN_BYTES) {
        // The byte is a count of further equal ones.
        for (let more = byte; more > 0;) {
          if (filled === chunkBytes) {
            crc = crc32Bzip2(crc, out, 0, filled);
            yield out;
            out = new Uint8Array(chunkBytes);
            filled = 0;
          }
          const part = Math.min(more, chunkBytes - filled);
          out.fill(last, filled, filled + part);
          filled += part;
          more -= part;
        }
        equal = 0;
        last = -1;
        continue;
      }
      if (filled === chunkBytes) {
        crc = crc32Bzip2(crc, out, 0, filled);
        yield out;
        out = new Uint8Array(chunkBytes);
        filled = 0;
      }
      out[filled] = byte;
      filled += 1;
      if (byte === last) {
        equal += 1;
      } else {
        last = byte;
        equal = 1;
      }
    }
    crc = crc32Bzip2(crc, out, 0, filled);
    if (filled > 0) yield out.subarray(0, filled);
    return ~crc >>> 0;
  }
}

/** The bytes that occur in the block, in order: two levels of maps of 16 bits. */
function readUsedBytes(bits: BitReader): Uint8Array {
  const rows = bits.read(16);
  const used: number[] = [];
  for (let row = 0; row < 16; row += 1) {
    if ((rows & (0x8000 >>> row)) === 0) continue;
    const columns = bits.read(16);
    for (let column = 0; column < 16; column += 1)
      if ((columns & (0x8000 >>> column)) !== 0) used.push(row * 16 + column);
  }
  if (used.length === 0) throw new Bzip2Error("a block of it is damaged");
  return Uint8Array.from(used);
}

function readSelectors(bits: BitReader, groups: number, count: number): Uint8Array {
  const order = Uint8Array.from({ length: groups }, (_, index) => index);
  const selectors = new Uint8Array(Math.min(count, SELECTORS_MAX));
  for (let i = 0; i < count; i += 1) {
    let place = 0;
    while (bits.read(1) === 1) {
      place += 1;
      if (place >= groups) throw new Bzip2Error("a block of it is damaged");
    }
    const chosen = order[place] ?? 0;
    order.copyWithin(1, 0, place);
    order[0] = chosen;
    if (i < SELECTORS_MAX) selectors[i] = chosen;
  }
  return selectors;
}

/** Lengths are written as differences: 0 ends one, 10 is one more, 11 one less. */
function readCode(bits: BitReader, symbols: number): HuffmanCode {
  const lengths = new Uint8Array(symbols);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbols; symbol += 1) {
    for (;;) {
      if (length < 1 || length > CODE_LENGTH_MAX || bits.overrun)
        throw new Bzip2Error("a code table of it is damaged");
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return new HuffmanCode(lengths);
}

/** Turns the last column into a linked list: the sorted column's places say which byte follows which. */
function linkNext(next: Uint32Array, length: number, counts: Uint32Array): void {
  const start = new Uint32Array(256);
  let sum = 0;
  for (let byte = 0; byte < 256; byte += 1) {
    start[byte] = sum;
    sum += counts[byte] ?? 0;
  }
  for (let i = 0; i < length; i += 1) {
    const byte = (next[i] ?? 0) & 0xff;
    const place = start[byte] ?? 0;
    start[byte] = place + 1;
    next[place] = ((next[place] ?? 0) & 0xff) | (i << 8);
  }
}
