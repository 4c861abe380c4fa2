/** What flows through an import: bytes, and runs of zeros that nobody had to read. */

/** Chunks belong to whoever takes them: the source does not use a buffer again. */
export type Bytes = AsyncIterable<Uint8Array>;

/** A run of zeros of that many bytes: a hole of the source. */
export interface Zeros {
  readonly zeros: number;
}

export type Piece = Uint8Array | Zeros;

/** The disk's content from its first byte to its last, in order. A piece is there until the next one is asked for. */
export type Content = AsyncIterable<Piece>;
