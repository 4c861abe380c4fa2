/** The DHCP exchange of a loader: DISCOVER until an address and a TFTP server are known, then REQUEST if it asks. */
import { FirmwareStop } from "../files.ts";
import { addressBytes, BROADCAST_ADDRESS, macBytes } from "../net/frames.ts";
import type { UdpSocket, UdpStack } from "../net/udp-stack.ts";
import type { DhcpShape, Profile } from "../profiles.ts";
import { CLIENT_PORT, decodeReply, type DhcpReply, encodeRequest, SERVER_PORT } from "./message.ts";
import { type AddressOffer, readOffer } from "./offers.ts";

const MESSAGE_TYPE = { discover: 1, offer: 2, request: 3, ack: 5, nak: 6 } as const;
/** Architecture 0 (RFC 4578): every Pi says that it is a PC BIOS. */
const ARCHITECTURE = Uint8Array.of(0, 0);
const NETWORK_INTERFACE = Uint8Array.of(1, 2, 1);
const VENDOR_CLASS = new TextEncoder().encode("PXEClient:Arch:00000:UNDI:002001");

export interface Board {
  readonly profile: Profile;
  /** 16 hex digits. */
  readonly serial: string;
  readonly mac: string;
}

export interface DhcpOutcome {
  readonly address: AddressOffer;
  readonly tftpServer: string;
  /** Every offer heard, in order, with what it was good for. */
  readonly heard: readonly HeardOffer[];
  readonly discovers: number;
}

export interface HeardOffer {
  readonly from: string;
  readonly yiaddr: string;
  readonly server: string | undefined;
  readonly refusal: string | undefined;
}

/** The 17 bytes of option 97 that a loader of this board sends. */
export function machineIdOf(board: Board, kind: DhcpShape["machineId"]): Uint8Array {
  const serial = littleEndian(Number.parseInt(board.serial.slice(-8), 16));
  if (kind === "constant") return Uint8Array.of(0, ...Array.from({ length: 16 }, () => 0x44));
  if (kind === "serial-times-four") return Uint8Array.of(0, ...serial, ...serial, ...serial, ...serial);
  const text = new TextEncoder().encode(board.profile.fourCc);
  const code = kind === "fourcc" ? text : text.toReversed();
  const revision = littleEndian(board.profile.revision);
  return Uint8Array.of(0, ...code, ...revision, ...macBytes(board.mac).subarray(2), ...serial);
}

/** Runs the exchange. Throws with what was missing when every DISCOVER is used up. */
export async function askForAddress(
  stack: UdpStack,
  board: Board,
  shape: DhcpShape,
  timeFactor: number,
): Promise<DhcpOutcome> {
  stack.setAddress(undefined);
  const socket = stack.open(CLIENT_PORT);
  try {
    return await new Exchange(socket, board, shape, timeFactor).run();
  } finally {
    socket.close();
  }
}

class Exchange {
  readonly #socket: UdpSocket;
  readonly #board: Board;
  readonly #shape: DhcpShape;
  readonly #timeFactor: number;
  readonly #machineId: Uint8Array;
  readonly #xid: number;
  readonly #heard: HeardOffer[] = [];
  #address: AddressOffer | undefined;
  #server: string | undefined;
  #acknowledged: boolean;
  #discovers = 0;
  #discoveredAt = 0;

  constructor(socket: UdpSocket, board: Board, shape: DhcpShape, timeFactor: number) {
    this.#socket = socket;
    this.#board = board;
    this.#shape = shape;
    this.#timeFactor = timeFactor;
    this.#machineId = machineIdOf(board, shape.machineId);
    this.#xid = shape.xid ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 1;
    this.#acknowledged = !shape.requests;
  }

  async run(): Promise<DhcpOutcome> {
    for (const waitMs of this.#shape.retriesMs) {
      await this.#send(MESSAGE_TYPE.discover, [[60, VENDOR_CLASS]]);
      this.#discoveredAt = performance.now();
      this.#discovers += 1;
      const deadline = performance.now() + waitMs * this.#timeFactor;
      const outcome = await this.#listen(deadline);
      if (outcome) return outcome;
    }
    throw new FirmwareStop(`DHCP: ${this.#whatIsMissing()}`);
  }

  async #listen(deadline: number): Promise<DhcpOutcome | undefined> {
    for (;;) {
      const datagram = await this.#socket.receive(deadline);
      if (!datagram) return undefined;
      const reply = datagram.port === SERVER_PORT ? decodeReply(datagram.payload) : undefined;
      if (!reply || reply.xid !== this.#xid || reply.mac !== this.#board.mac) continue;
      await this.#take(datagram.address, reply);
      if (this.#address && this.#server && this.#acknowledged) {
        const found = { address: this.#address, tftpServer: this.#server };
        return { ...found, heard: this.#heard, discovers: this.#discovers };
      }
    }
  }

  async #take(from: string, reply: DhcpReply): Promise<void> {
    const type = reply.options.get(53)?.[0];
    if (type === MESSAGE_TYPE.offer) await this.#takeOffer(from, reply);
    if (type === MESSAGE_TYPE.ack && reply.yiaddr === this.#address?.address) this.#acknowledged = true;
    if (type === MESSAGE_TYPE.nak) this.#address = undefined;
  }

  async #takeOffer(from: string, reply: DhcpReply): Promise<void> {
    const meaning = readOffer(this.#shape, this.#machineId, reply);
    this.#heard.push({
      from,
      yiaddr: reply.yiaddr,
      server: meaning.server,
      refusal: meaning.noServerBecause,
    });
    const tookMs = performance.now() - this.#discoveredAt;
    if (meaning.server && tookMs < this.#shape.hangsOnOffersWithinMs) {
      throw new FirmwareStop(`hung on an offer ${Math.round(tookMs)} ms after its DISCOVER`);
    }
    this.#server ??= meaning.server;
    this.#address ??= meaning.address;
    // The address is confirmed once it is known where to boot from: without a server there is nothing to boot.
    const address = this.#address;
    if (address && this.#server && !this.#acknowledged) await this.#request(address);
  }

  async #request(offer: AddressOffer): Promise<void> {
    await this.#send(MESSAGE_TYPE.request, [
      [50, addressBytes(offer.address)],
      [54, addressBytes(offer.serverId)],
    ]);
  }

  async #send(type: number, more: ReadonlyArray<readonly [number, Uint8Array]>): Promise<void> {
    const options = [
      [53, Uint8Array.of(type)],
      [55, Uint8Array.from(this.#shape.parameters)],
      [93, ARCHITECTURE],
      [94, NETWORK_INTERFACE],
      [97, this.#machineId],
      ...more,
    ] as const;
    const message = encodeRequest({ xid: this.#xid, mac: this.#board.mac, options });
    await this.#socket.send(BROADCAST_ADDRESS, SERVER_PORT, message);
  }

  #whatIsMissing(): string {
    if (this.#heard.length === 0) return `no offer after ${this.#discovers} DISCOVERs`;
    if (!this.#address) return "no offer held an address";
    if (!this.#server) {
      const reasons = this.#heard.map(({ from, refusal }) => `${from}: ${refusal}`);
      return `no offer named a boot server (${[...new Set(reasons)].join("; ")})`;
    }
    return `${this.#address.serverId} did not acknowledge ${this.#address.address}`;
  }
}

function littleEndian(word: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word, true);
  return bytes;
}
