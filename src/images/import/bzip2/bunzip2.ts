/**
 * Streams the content of a bzip2 file. Streams that follow one another are one file (pbzip2 and lbzip2 write such).
 *
 *   "BZh" level | block magic 48, checksum 32, ... | ... | end magic 48, checksum 32 | padding to a byte
 */
import type { Bytes } from "../content.ts";
import { BitReader } from "./bit-reader.ts";
import { BLOCK_BYTES_MAX, BlockDecoder } from "./block.ts";
import { Bzip2Error } from "./huffman.ts";

/** The first and last 24 bits of the magics: the digits of pi, and of its square root. */
const BLOCK_MAGIC = [0x314159, 0x265359] as const;
const END_MAGIC = [0x177245, 0x385090] as const;
const HEADER_BITS = 32;
const MAGIC_BITS = 48;
const CHECKSUM_BITS = 32;
/** "BZh" */
const SIGNATURE = 0x425a68;

/** Yields chunks of `chunkBytes` at most. Throws a `Bzip2Error` with the reason. */
export async function* bunzip2(source: Bytes, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const input = new Window(source);
  do yield* oneStream(input, chunkBytes);
  while (await input.fill(1));
}

async function* oneStream(input: Window, chunkBytes: number): AsyncGenerator<Uint8Array> {
  await input.fill(HEADER_BITS / 8);
  const header = input.bits();
  const signature = header.read(24);
  const level = header.read(8) - 0x30;
  if (input.length < HEADER_BITS / 8) throw cutOff();
  if (signature !== SIGNATURE || level < 1 || level > 9)
    throw new Bzip2Error("there is something else behind its end");
  input.passTo(header.atBit);

  const decoder = new BlockDecoder(level);
  let combined = 0;
  for (;;) {
    await input.fill(BLOCK_BYTES_MAX);
    const bits = input.bits();
    const magic = [bits.read(24), bits.read(24)];
    if (bits.overrun) throw cutOff();
    if (magic[0] === END_MAGIC[0] && magic[1] === END_MAGIC[1]) {
      const wanted = ((bits.read(16) << 16) | bits.read(16)) >>> 0;
      if (bits.overrun) throw cutOff();
      if (wanted !== combined) throw new Bzip2Error("its checksum is wrong");
      input.passTo(Math.ceil(bits.atBit / 8) * 8);
      return;
    }
    if (magic[0] !== BLOCK_MAGIC[0] || magic[1] !== BLOCK_MAGIC[1]) throw new Bzip2Error("it is damaged");
    if (input.length * 8 < MAGIC_BITS + CHECKSUM_BITS) throw cutOff();
    const blocks = decoder.decode(bits, chunkBytes);
    let step = blocks.next();
    for (; !step.done; step = blocks.next()) yield step.value;
    combined = (((combined << 1) | (combined >>> 31)) ^ step.value) >>> 0;
    input.passTo(bits.atBit);
  }
}

function cutOff(): Bzip2Error {
  return new Bzip2Error("it ends in the middle: the file was cut off");
}

/** The part of the file that is in memory: it begins within a byte, and grows until a whole block is sure to be in it. */
class Window {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #bytes: Uint8Array = new Uint8Array();
  #atBit = 0;
  #ended = false;

  constructor(source: Bytes) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  get length(): number {
    return this.#bytes.byteLength - Math.floor(this.#atBit / 8);
  }

  /** Reads on until that many bytes are there, or all. Tells whether any is. */
  async fill(bytes: number): Promise<boolean> {
    if (this.length >= bytes || this.#ended) return this.length > 0;
    const parts = [this.#bytes.subarray(Math.floor(this.#atBit / 8))];
    this.#atBit %= 8;
    let length = parts[0]?.byteLength ?? 0;
    // Twice as much, so that not every block moves all that is there.
    while (length < 2 * bytes && !this.#ended) {
      const next = await this.#chunks.next();
      if (next.done) {
        this.#ended = true;
      } else {
        parts.push(next.value);
        length += next.value.byteLength;
      }
    }
    this.#bytes = Buffer.concat(parts);
    return length > 0;
  }

  bits(): BitReader {
    return new BitReader(this.#bytes, this.#atBit);
  }

  passTo(bit: number): void {
    this.#atBit = bit;
  }
}
