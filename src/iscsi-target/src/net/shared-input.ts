/** What the connections of a server share for reading: a place to read into, and who has been heard lately. */
import { ptr } from "bun:ffi";
import { descriptorOf, libc } from "./libc.ts";

/** Read and put away in one go: small enough to stay in a core's second-level cache between the two copies. */
const READ_BYTES = 256 * 1024;
/** A connection is not alone until the others have been silent for so long. */
const CROWDED_MS = 100;
const MSG_DONTWAIT = 0x40;

export class SharedInput {
  readonly #now: () => number;
  /** Filled by `read`; good until the next one. */
  readonly #bytes = libc ? new Uint8Array(READ_BYTES) : new Uint8Array(0);
  readonly #pointer = libc ? ptr(this.#bytes) : undefined;
  #lastHeard: object | undefined;
  #crowdedUntilMs = 0;

  /** `now` in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Something came on that connection. */
  heard(connection: object): void {
    if (connection === this.#lastHeard) return;
    if (this.#lastHeard) this.#crowdedUntilMs = this.#now() + CROWDED_MS;
    this.#lastHeard = connection;
  }

  /** Whether several connections are at work. */
  get isCrowded(): boolean {
    return this.#now() < this.#crowdedUntilMs;
  }

  /**
   * Up to `most` bytes that the socket has at hand; undefined when there are none, at the end of the stream, after an
   * error, and on a system where this cannot be done. Bun's own reads go on and tell of the last two.
   */
  read(socket: object, most: number): Uint8Array | undefined {
    if (!libc || this.#pointer === undefined) return undefined;
    const length = Math.min(most, READ_BYTES);
    const got = libc.recv(descriptorOf(socket), this.#pointer, length, MSG_DONTWAIT);
    return got > 0 ? this.#bytes.subarray(0, got) : undefined;
  }
}
