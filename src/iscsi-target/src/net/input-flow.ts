/** When a connection listens to its peer: what it takes in one turn, and nothing while the peer does not read. */
import type { TcpSocket } from "./connection-host.ts";
import { limitReceiveBuffer } from "./socket-options.ts";

/** Bun's read buffer: a chunk that fills it has more behind it, and the others come first (see socket-options.ts). */
const FULL_READ_BYTES = 512 * 1024;

export class InputFlow {
  readonly #socket: TcpSocket;
  #isCongested = false;
  #isCrowded = false;
  #isClosed = false;

  constructor(socket: TcpSocket) {
    this.#socket = socket;
    limitReceiveBuffer(socket, this.#isCrowded);
  }

  /** A chunk of that many bytes has been dealt with: after a full one the others come first. */
  took(bytes: number): void {
    if (bytes < FULL_READ_BYTES || this.#isClosed) return;
    this.#socket.pause();
    setImmediate(() => this.#resume());
  }

  /** Stops listening to a peer that does not read its answers, until it does. */
  relieve(isCongested: boolean): void {
    if (isCongested === this.#isCongested) return;
    this.#isCongested = isCongested;
    if (isCongested) this.#socket.pause();
    else this.#resume();
  }

  /** `isCrowded`: other connections are at work too, so this one takes less in its turn. */
  share(isCrowded: boolean): void {
    if (isCrowded === this.#isCrowded || this.#isClosed) return;
    this.#isCrowded = isCrowded;
    limitReceiveBuffer(this.#socket, isCrowded);
  }

  /** The socket is not to be touched any more. */
  close(): void {
    this.#isClosed = true;
  }

  #resume(): void {
    if (!this.#isClosed && !this.#isCongested) this.#socket.resume();
  }
}
