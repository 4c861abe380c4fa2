/**
 * Follows the frames of a zstd stream without unpacking them (RFC 8878, section 3.1), because the decoder does not
 * tell a file that ends in the middle of a frame, or goes on behind the last one, from a whole one.
 *
 *   +-------+--------------+--------------------------+---- - - ----+
 *   | magic | frame header | block header 3 | content | checksum 4  |
 *   +-------+--------------+--------------------------+---- - - ----+
 */
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;

const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

type State = "magic" | "descriptor" | "header" | "block" | "content" | "checksum" | "skip-size" | "skip";

export class ZstdFrameError extends Error {
  override readonly name = "ZstdFrameError";
}

/** Length of the first frame of `bytes`, which may be followed by anything. Throws a `ZstdFrameError` when it does not end. */
export function frameBytes(bytes: Uint8Array): number {
  const frames = new ZstdFrames(1);
  const taken = frames.push(bytes);
  frames.end();
  return taken;
}

export class ZstdFrames {
  #state: State = "magic";
  /** Bytes of the field that is being collected, least significant first; at most 4. */
  #field: number[] = [];
  #wanted = 4;
  #hasChecksum = false;
  #lastBlock = false;
  #frames = 0;

  /** @param framesMax frames to follow; what comes behind them is not looked at */
  constructor(private readonly framesMax = Number.POSITIVE_INFINITY) {}

  /**
   * Takes the next bytes of the file and tells how many belong to the frames that are followed.
   * Throws a `ZstdFrameError` when they cannot be part of a zstd file.
   */
  push(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#state === "magic" && this.#field.length === 0 && this.#frames === this.framesMax) return at;
      if (this.#state === "content" || this.#state === "skip" || this.#state === "header") {
        const passed = Math.min(this.#wanted, bytes.byteLength - at);
        at += passed;
        this.#wanted -= passed;
      } else {
        this.#field.push(bytes[at] ?? 0);
        at += 1;
        this.#wanted -= 1;
      }
      if (this.#wanted === 0) this.#advance();
    }
    return at;
  }

  /** Throws a `ZstdFrameError` unless the bytes so far are whole frames, at least one. */
  end(): void {
    if (this.#state !== "magic" || this.#field.length > 0 || this.#frames === 0) {
      throw new ZstdFrameError("it ends in the middle: the file was cut off");
    }
  }

  #advance(): void {
    const value = this.#field.reduceRight((sum, byte) => sum * 256 + byte, 0);
    this.#field = [];
    switch (this.#state) {
      case "magic":
        return this.#magic(value);
      case "descriptor":
        return this.#descriptor(value);
      case "header":
      case "content":
        return this.#afterHeaderOrContent();
      case "block":
        return this.#block(value);
      case "checksum":
      case "skip":
        return this.#expect("magic", 4);
      case "skip-size":
        return this.#expect("skip", value);
    }
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#wanted = bytes;
    // Nothing to pass over: what comes next follows at once.
    if (bytes === 0) this.#advance();
  }

  #magic(value: number): void {
    this.#frames += 1;
    if (value === FRAME_MAGIC) return this.#expect("descriptor", 1);
    if ((value & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) return this.#expect("skip-size", 4);
    throw new ZstdFrameError("there is something else behind its end");
  }

  #descriptor(flags: number): void {
    const singleSegment = (flags & 0x20) !== 0;
    const sizeFlag = flags >> 6;
    const contentSizeBytes = sizeFlag === 0 ? Number(singleSegment) : 2 ** sizeFlag;
    this.#hasChecksum = (flags & 0x04) !== 0;
    this.#lastBlock = false;
    const windowBytes = singleSegment ? 0 : 1;
    this.#expect("header", windowBytes + (DICTIONARY_ID_BYTES[flags & 3] ?? 0) + contentSizeBytes);
  }

  #block(header: number): void {
    const type = (header >> 1) & 3;
    if (type === BLOCK_RESERVED) throw new ZstdFrameError("a block of it is damaged");
    this.#lastBlock = (header & 1) !== 0;
    this.#expect("content", type === BLOCK_RLE ? 1 : header >> 3);
  }

  #afterHeaderOrContent(): void {
    if (!this.#lastBlock) return this.#expect("block", 3);
    if (this.#hasChecksum) return this.#expect("checksum", 4);
    return this.#expect("magic", 4);
  }
}
