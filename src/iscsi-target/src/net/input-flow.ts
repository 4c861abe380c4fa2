/**
 * When a connection listens to its peer, and how much it takes in one turn.
 *
 * Bun reads first, into memory that is new each time. A chunk that shows a stream of data is followed by reads of
 * our own into one place, which costs half as much; when a turn is over and there is still more, Bun's reads are
 * paused, because they would take up to 512 KiB at once while everyone else waits, and ours go on in the next turn.
 */
import type { TcpSocket } from "./connection-host.ts";
import type { SharedInput } from "./shared-input.ts";
import { setReceiveRoom } from "./socket-options.ts";

/** A chunk this long is part of a stream of data: more is likely to be there already. */
const STREAM_BYTES = 16 * 1024;
/** One turn of a connection that has the server for itself: about a millisecond, which is what timers then wait. */
const ALONE_TURN_BYTES = 1024 * 1024;
/** One turn while others are at work: what a small request waits for behind each writer. */
const CROWDED_TURN_BYTES = 64 * 1024;

/** Where bytes come from besides Bun. */
export type InputSource = Pick<SharedInput, "heard" | "isCrowded" | "read">;

export class InputFlow {
  readonly #socket: TcpSocket;
  readonly #shared: InputSource;
  readonly #take: (bytes: Uint8Array) => void;
  #isCongested = false;
  /** The next turn is ours, not Bun's. */
  #isOwn = false;
  #isClosed = false;

  /** `take` may close the connection; it must not keep the bytes. */
  constructor(socket: TcpSocket, shared: InputSource, take: (bytes: Uint8Array) => void) {
    this.#socket = socket;
    this.#shared = shared;
    this.#take = take;
    setReceiveRoom(socket, "stranger");
  }

  /** The peer has logged in. */
  widen(): void {
    setReceiveRoom(this.#socket, "session");
  }

  /** A chunk that Bun has read. */
  push(chunk: Uint8Array): void {
    this.#shared.heard(this);
    this.#take(chunk);
    if (chunk.length >= STREAM_BYTES) this.#goOn(chunk.length);
  }

  /** Stops listening to a peer that does not read its answers, until it does. */
  relieve(isCongested: boolean): void {
    if (isCongested === this.#isCongested) return;
    this.#isCongested = isCongested;
    this.#listen();
  }

  /** The socket is not to be touched any more. */
  close(): void {
    this.#isClosed = true;
  }

  #goOn(taken: number): void {
    const turn = this.#shared.isCrowded ? CROWDED_TURN_BYTES : ALONE_TURN_BYTES;
    let left = turn - taken;
    while (left > 0 && !this.#isClosed && !this.#isCongested) {
      const bytes = this.#shared.read(this.#socket, left);
      if (!bytes) break;
      left -= bytes.length;
      this.#take(bytes);
    }
    const isOwn = left <= 0 && !this.#isCongested;
    if (isOwn) setImmediate(() => this.#nextTurn());
    if (isOwn === this.#isOwn) return;
    this.#isOwn = isOwn;
    this.#listen();
  }

  #nextTurn(): void {
    if (this.#isClosed) return;
    this.#shared.heard(this);
    this.#goOn(0);
  }

  #listen(): void {
    if (this.#isClosed) return;
    if (this.#isCongested || this.#isOwn) this.#socket.pause();
    else this.#socket.resume();
  }
}
