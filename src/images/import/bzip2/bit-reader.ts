/** Bits of a buffer, most significant first. Past the end it reads zeros and remembers that it did. */
export class BitReader {
  #word = 0;
  /** Bits in `#word` that were not taken yet. */
  #bits = 0;
  #at: number;

  constructor(
    private readonly bytes: Uint8Array,
    atBit: number,
  ) {
    this.#at = atBit >>> 3;
    const skip = atBit & 7;
    if (skip > 0) this.read(skip);
  }

  /** Position in bits from the start of the buffer. */
  get atBit(): number {
    return this.#at * 8 - this.#bits;
  }

  /** True when bits were taken that are not there. */
  get overrun(): boolean {
    return this.atBit > this.bytes.byteLength * 8;
  }

  /** Takes 1 to 24 bits. */
  read(count: number): number {
    const value = this.peek(count);
    this.#bits -= count;
    return value;
  }

  /** The next 1 to 24 bits, which stay. */
  peek(count: number): number {
    while (this.#bits < count) {
      this.#word = ((this.#word << 8) | (this.bytes[this.#at] ?? 0)) >>> 0;
      this.#at += 1;
      this.#bits += 8;
    }
    return (this.#word >>> (this.#bits - count)) & ((1 << count) - 1);
  }

  /** Passes over bits that were peeked at. */
  skip(count: number): void {
    this.#bits -= count;
  }
}
