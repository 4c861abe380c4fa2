/**
 * The scratch in which outgoing PDUs are laid head to tail, header and payload contiguous, so that many of them
 * leave in one write. There is one for the whole server: it is filled and written within one turn of the event loop,
 * and only what the socket did not take is copied for its connection.
 */
import { DIGEST_BYTES, HEADER_BYTES, padded } from "../pdu/basic-header.ts";
import { setDigest } from "../wire/crc32c.ts";

/** Longest data segment sent: larger ones gain nothing, whatever the initiator would take. */
export const MAX_SEND_DATA_BYTES = 256 * 1024;
const OVERHEAD_BYTES = HEADER_BYTES + 2 * DIGEST_BYTES;
/** One socket write: four of the longest PDUs. Beyond this the system's send buffer is full anyway. */
export const BATCH_BYTES = 4 * (MAX_SEND_DATA_BYTES + OVERHEAD_BYTES);

export class Batch {
  readonly bytes = new Uint8Array(BATCH_BYTES);
  #used = 0;
  #limit = 0;
  #headerDigest = false;
  #dataDigest = false;

  /** Empties the batch for one connection. `limit` is how much may be laid; a single PDU always fits. */
  reset(options: { limit: number; headerDigest: boolean; dataDigest: boolean }): void {
    this.#used = 0;
    this.#limit = Math.min(options.limit, this.bytes.length);
    this.#headerDigest = options.headerDigest;
    this.#dataDigest = options.dataDigest;
  }

  /** Bytes laid so far. */
  get used(): number {
    return this.#used;
  }

  /** Where the next PDU's header goes. */
  get headerAt(): number {
    return this.#used;
  }

  /** Where its data segment goes. */
  get dataAt(): number {
    return this.#used + HEADER_BYTES + (this.#headerDigest ? DIGEST_BYTES : 0);
  }

  fits(dataLength: number): boolean {
    return this.#used === 0 || this.dataAt + padded(dataLength) + DIGEST_BYTES <= this.#limit;
  }

  /** Pads and digests the PDU whose header and data have been put at `headerAt` and `dataAt`, and moves behind it. */
  finish(dataLength: number): void {
    const { bytes, headerAt, dataAt } = this;
    if (this.#headerDigest) setDigest(bytes, headerAt + HEADER_BYTES, headerAt, headerAt + HEADER_BYTES);
    let end = dataAt + dataLength;
    const paddedEnd = dataAt + padded(dataLength);
    while (end < paddedEnd) bytes[end++] = 0;
    if (this.#dataDigest && dataLength > 0) {
      setDigest(bytes, end, dataAt, end);
      end += DIGEST_BYTES;
    }
    this.#used = end;
  }
}
