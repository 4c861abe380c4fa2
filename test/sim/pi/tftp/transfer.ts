/** One TFTP transfer the way a Pi's loader does it: whole, or stopped at the option acknowledgement to learn the size. */
import type { Datagram, UdpSocket } from "../net/udp-stack.ts";
import type { TftpShape } from "../profiles.ts";
import {
  decodeServerPacket,
  encodeAcknowledge,
  encodeError,
  encodeReadRequest,
  type ServerPacket,
} from "./packets.ts";

const SERVER_PORT = 69;
/** Error codes of RFC 1350 section 5 and RFC 2347. */
const FILE_NOT_FOUND = 1;
const NO_MEMORY = 3;
const BAD_OPTIONS = 8;
const EARLY_TERMINATE = 0;
const DEFAULT_BLOCK_BYTES = 512;
/** The loaders' block counter does not wrap (before 2025-09). */
const LAST_BLOCK = 0xffff;
/** Two read requests of a loader that asks twice come this far apart. */
const SECOND_REQUEST_MS = 6;

export type Outcome =
  | { readonly kind: "file"; readonly bytes: Uint8Array }
  /** A probe: the server has it. */
  | { readonly kind: "there"; readonly sizeBytes: number }
  | { readonly kind: "missing" }
  | { readonly kind: "silent" }
  | { readonly kind: "failed"; readonly because: string };

export interface Request {
  readonly server: string;
  readonly path: string;
  /** True: stop at the option acknowledgement with "Early terminate". */
  readonly isProbe: boolean;
}

/** Runs a transfer on a socket of its own. Never throws for what the server does. */
export async function transfer(
  socket: UdpSocket,
  shape: TftpShape,
  timeFactor: number,
  request: Request,
): Promise<Outcome> {
  return new Transfer(socket, shape, timeFactor, request).run();
}

class Transfer {
  readonly #socket: UdpSocket;
  readonly #shape: TftpShape;
  readonly #retryMs: number;
  readonly #request: Request;
  readonly #blocks: Uint8Array[] = [];
  #blockBytes = DEFAULT_BLOCK_BYTES;
  #sizeBytes: number | undefined;
  /** The server's port for this transfer, known from its first packet. */
  #serverPort: number | undefined;
  #lastSent: Uint8Array;

  constructor(socket: UdpSocket, shape: TftpShape, timeFactor: number, request: Request) {
    this.#socket = socket;
    this.#shape = shape;
    this.#retryMs = shape.retryMs * timeFactor;
    this.#request = request;
    this.#lastSent = encodeReadRequest(request.path, shape.options);
  }

  async run(): Promise<Outcome> {
    await this.#repeat();
    if (this.#shape.asksTwice) {
      await Bun.sleep(SECOND_REQUEST_MS);
      await this.#repeat();
    }
    for (let silences = 0; silences < this.#shape.tries;) {
      const datagram = await this.#socket.receive(performance.now() + this.#retryMs);
      if (!datagram) {
        silences += 1;
        if (silences < this.#shape.tries) await this.#repeat();
        continue;
      }
      const packet = this.#ours(datagram);
      if (!packet) continue;
      silences = 0;
      const outcome = await this.#take(packet);
      if (outcome) return outcome;
    }
    return { kind: "silent" };
  }

  /** The packet, unless it belongs to the other of two transfers or to an earlier one. */
  #ours(datagram: Datagram): ServerPacket | undefined {
    if (datagram.address !== this.#request.server) return undefined;
    const packet = decodeServerPacket(datagram.payload);
    if (!packet) return undefined;
    if (this.#serverPort === undefined) {
      // A late block of the transfer before, which used the same port, must not start this one.
      const isLate = packet.kind === "data" && packet.block !== 1;
      if (isLate) return undefined;
      this.#serverPort = datagram.port;
    }
    return datagram.port === this.#serverPort ? packet : undefined;
  }

  async #take(packet: ServerPacket): Promise<Outcome | undefined> {
    if (packet.kind === "options") return this.#takeOptions(packet.options);
    if (packet.kind === "data") return this.#takeData(packet.block, packet.bytes);
    if (packet.code === FILE_NOT_FOUND) return { kind: "missing" };
    return { kind: "failed", because: `error ${packet.code} "${packet.text}"` };
  }

  async #takeOptions(options: ReadonlyMap<string, string>): Promise<Outcome | undefined> {
    const unasked = [...options.keys()].filter(
      (name) => !this.#shape.options.some(([asked]) => asked === name),
    );
    if (unasked.length > 0) return this.#refuse(BAD_OPTIONS, `unasked options ${unasked.join(", ")}`);
    const size = options.get("tsize");
    if (size === undefined || !/^\d+$/.test(size)) return this.#refuse(BAD_OPTIONS, "no tsize");
    this.#sizeBytes = Number(size);
    if (this.#request.isProbe) {
      await this.#send(encodeError(EARLY_TERMINATE, "Early terminate"));
      return { kind: "there", sizeBytes: this.#sizeBytes };
    }
    const wanted = this.#shape.options.find(([name]) => name === "blksize")?.[1] ?? DEFAULT_BLOCK_BYTES;
    this.#blockBytes = Number(options.get("blksize") ?? DEFAULT_BLOCK_BYTES);
    if (!(this.#blockBytes >= 8 && this.#blockBytes <= wanted)) return this.#refuse(BAD_OPTIONS, "blksize");
    if (this.#blocks.length === 0) await this.#send(encodeAcknowledge(0));
    return undefined;
  }

  async #takeData(block: number, bytes: Uint8Array): Promise<Outcome | undefined> {
    // A loader that asked for options needs the size: it has to know where in memory the file will end.
    if (this.#shape.options.length > 0 && this.#sizeBytes === undefined) {
      return this.#refuse(BAD_OPTIONS, "data without an option acknowledgement");
    }
    const expected = this.#blocks.length + 1;
    if (expected > LAST_BLOCK) return this.#refuse(NO_MEMORY, "the block counter is used up");
    if (block > expected) return undefined;
    if (block === expected) this.#blocks.push(bytes.slice());
    await this.#send(encodeAcknowledge(block));
    if (block < expected || bytes.length >= this.#blockBytes) return undefined;
    const whole = Buffer.concat(this.#blocks);
    if (this.#sizeBytes !== undefined && whole.length !== this.#sizeBytes) {
      return { kind: "failed", because: `${whole.length} bytes came, tsize said ${this.#sizeBytes}` };
    }
    return { kind: "file", bytes: whole };
  }

  async #refuse(code: number, because: string): Promise<Outcome> {
    await this.#send(encodeError(code, because));
    return { kind: "failed", because };
  }

  async #send(packet: Uint8Array): Promise<void> {
    this.#lastSent = packet;
    await this.#repeat();
  }

  async #repeat(): Promise<void> {
    await this.#socket.send(this.#request.server, this.#serverPort ?? SERVER_PORT, this.#lastSent);
  }
}
