/**
 * A wire between an initiator and a target, both digests on, that turns one bit over when it is told to: a checksum that
 * nobody looks at would let it pass. It knows just enough of iSCSI to find the PDU that is wanted.
 *
 *   | header, 48 | AHS | header digest, 4 | data, padded to 4 | data digest, 4 |
 */
import type { Socket } from "bun";

const HEADER_BYTES = 48;
const DIGEST_BYTES = 4;
const OPCODE_MASK = 0x3f;
const LOGIN_RESPONSE = 0x23;
/** T, and full feature as the next stage. */
const LOGIN_IS_DONE = 0x83;
const LOGIN_DONE_MASK = 0x83;
const DATA_IN = 0x25;
const DATA_OUT = 0x05;
const COMMAND = 0x01;

/** Where the bit is turned: on the way to the initiator or to the target, in a header or in the data that follows it. */
export interface Fault {
  readonly to: "initiator" | "target";
  readonly part: "header" | "data";
}

const CARRIERS = { initiator: [DATA_IN], target: [DATA_OUT, COMMAND] } as const;

interface Pair {
  readonly ways: Record<Fault["to"], Way>;
}

export class BadWire {
  readonly #listener: Bun.TCPSocketListener<Pair | undefined>;
  #wanted: { fault: Fault; resolve: () => void } | undefined;

  /** Listens on the loopback in front of `port`. */
  constructor(port: number) {
    this.#listener = Bun.listen<Pair | undefined>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => void this.#join(socket, port),
        data: (socket, bytes) => socket.data?.ways.target.push(bytes),
        drain: (socket) => socket.data?.ways.initiator.flush(),
        close: (socket) => socket.data?.ways.target.end(),
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Turns one bit over in the next PDU that fits; resolves when it is done. */
  strike(fault: Fault): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wanted = { fault, resolve };
    return promise;
  }

  close(): void {
    this.#listener.stop(true);
  }

  async #join(near: Socket<Pair | undefined>, port: number): Promise<void> {
    const login = { isDone: false };
    const strikes = (to: Fault["to"], part: Fault["part"]): boolean => this.#takes(to, part);
    const toInitiator = new Way("initiator", near, login, strikes);
    near.pause();
    const far = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => toInitiator.push(bytes),
        drain: () => near.data?.ways.target.flush(),
        close: () => toInitiator.end(),
      },
    });
    near.data = { ways: { initiator: toInitiator, target: new Way("target", far, login, strikes) } };
    near.resume();
  }

  #takes(to: Fault["to"], part: Fault["part"]): boolean {
    const wanted = this.#wanted;
    if (wanted?.fault.to !== to || wanted.fault.part !== part) return false;
    this.#wanted = undefined;
    wanted.resolve();
    return true;
  }
}

/** One direction: whole PDUs go out as they came, but for the one that is struck. */
class Way {
  readonly #to: Fault["to"];
  readonly #out: Pick<Socket, "write" | "end">;
  readonly #login: { isDone: boolean };
  readonly #strikes: (to: Fault["to"], part: Fault["part"]) => boolean;
  #pending = Buffer.alloc(0);
  #unsent = Buffer.alloc(0);

  constructor(
    to: Fault["to"],
    out: Pick<Socket, "write" | "end">,
    login: { isDone: boolean },
    strikes: (to: Fault["to"], part: Fault["part"]) => boolean,
  ) {
    this.#to = to;
    this.#out = out;
    this.#login = login;
    this.#strikes = strikes;
  }

  push(bytes: Uint8Array): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    for (;;) {
      const length = this.#pduLength();
      if (length === undefined || this.#pending.length < length) break;
      const pdu = this.#pending.subarray(0, length);
      this.#pending = this.#pending.subarray(length);
      this.#spoil(pdu);
      this.#unsent = Buffer.concat([this.#unsent, pdu]);
    }
    this.flush();
  }

  flush(): void {
    if (this.#unsent.length > 0) this.#unsent = this.#unsent.subarray(this.#out.write(this.#unsent));
  }

  end(): void {
    this.#out.end();
  }

  #pduLength(): number | undefined {
    if (this.#pending.length < HEADER_BYTES) return undefined;
    const digest = this.#login.isDone ? DIGEST_BYTES : 0;
    const data = this.#pending.readUIntBE(5, 3);
    const body = data === 0 ? 0 : Math.ceil(data / 4) * 4 + digest;
    return HEADER_BYTES + this.#pending.readUInt8(4) * 4 + digest + body;
  }

  #spoil(pdu: Buffer): void {
    const opcode = pdu.readUInt8(0) & OPCODE_MASK;
    if (opcode === LOGIN_RESPONSE && (pdu.readUInt8(1) & LOGIN_DONE_MASK) === LOGIN_IS_DONE)
      this.#login.isDone = true;
    const carriers: readonly number[] = CARRIERS[this.#to];
    if (!this.#login.isDone || !carriers.includes(opcode) || pdu.readUIntBE(5, 3) === 0) return;
    // In the header the last bit of the task tag, with which another task would get the data.
    if (this.#strikes(this.#to, "header")) flip(pdu, 19);
    // The first bit of the data.
    else if (this.#strikes(this.#to, "data")) flip(pdu, HEADER_BYTES + DIGEST_BYTES);
  }
}

function flip(pdu: Buffer, at: number): void {
  pdu.writeUInt8(pdu.readUInt8(at) ^ 1, at);
}
