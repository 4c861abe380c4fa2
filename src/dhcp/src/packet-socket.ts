/**
 * A packet socket (packet(7)): whole IP or ARP packets on one interface, without an address of its own.
 * For what UDP cannot say: an ARP probe, and a DISCOVER from 0.0.0.0 whose answer goes to no address of ours.
 */
import { ptr } from "bun:ffi";
import { DhcpSocketError } from "./errors.ts";
import { errnoError, interfaceIndex, openLibc } from "./libc.ts";

const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

export const ETHERTYPE = { ip: 0x0800, arp: 0x0806 } as const;
const BROADCAST_MAC = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

/** sockaddr_ll: family, protocol (both big-endian on the wire, family native), index, type, packet type, address. */
const ADDRESS_BYTES = 20;
const FRAME_BYTES = 2048;
/** Bun cannot wait for a descriptor of ours, so the socket is looked at this often while it is open. */
const POLL_MS = 5;
/** Packets taken in one look; more wait for the next, so that a flood cannot hold the event loop. */
const MAX_PACKETS_PER_POLL = 64;

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/** One instruction of a classic BPF program: code, jump if true, jump if false, operand. */
export type FilterInstruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

export interface PacketSocketOptions {
  readonly interface: string;
  readonly ethertype: number;
  /** What the kernel lets through; everything of the protocol when absent. A disk's traffic must not come up here. */
  readonly filter?: readonly FilterInstruction[];
  /** Gets each packet without its Ethernet header, and the sender's hardware address. */
  readonly onPacket: (packet: Uint8Array, sourceMac: Uint8Array) => void;
}

export interface PacketSocket {
  /** Sends one packet to everybody on the wire. @throws DhcpSocketError */
  broadcast(packet: Uint8Array): void;
  close(): void;
}

/**
 * Opens a packet socket for one protocol. It costs a timer while it is open: keep it short.
 * @throws DhcpSocketError `EPERM` without root or CAP_NET_RAW, `ENODEV` without such an interface.
 */
export function openPacketSocket(options: PacketSocketOptions): PacketSocket {
  const { interface: iface, ethertype, onPacket } = options;
  const libc = openLibc(iface);
  const where = { interface: iface };
  const index = interfaceIndex(iface);
  if (index === undefined) throw new DhcpSocketError("ENODEV", where, "there is no such interface");
  // Protocol 0 hears nothing until `bind` names interface and protocol: no packet of another interface slips in.
  const descriptor = libc.socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw errnoError(where, "no packet socket");
  try {
    if (options.filter !== undefined) attachFilter(descriptor, iface, options.filter);
    const own = linkAddress(ethertype, index);
    if (libc.bind(descriptor, own, own.length) !== 0)
      throw errnoError(where, "the packet socket cannot be bound");
  } catch (error) {
    libc.close(descriptor);
    throw error;
  }

  const frame = new Uint8Array(FRAME_BYTES);
  const source = new Uint8Array(ADDRESS_BYTES);
  const sourceLength = new Uint32Array(1);
  let open = true;
  const timer = setInterval(() => {
    for (let count = 0; count < MAX_PACKETS_PER_POLL; count++) {
      // What a packet brings about may close the socket.
      if (!open) return;
      sourceLength[0] = source.length;
      const length = Number(libc.recvfrom(descriptor, frame, frame.length, 0, source, sourceLength));
      if (length < 0) return;
      onPacket(frame.slice(0, length), source.slice(12, 12 + Math.min(source[11] ?? 0, 8)));
    }
  }, POLL_MS);

  const everybody = linkAddress(ethertype, index, BROADCAST_MAC);
  return {
    broadcast(packet) {
      const sent = Number(libc.sendto(descriptor, packet, packet.length, 0, everybody, everybody.length));
      if (sent < 0) throw errnoError(where, "a packet cannot be sent");
    },
    close() {
      if (!open) return;
      open = false;
      clearInterval(timer);
      libc.close(descriptor);
    },
  };
}

/** struct sock_fprog: a 16-bit count and, on 64-bit machines at byte 8, where the program lies. */
function attachFilter(descriptor: number, iface: string, filter: readonly FilterInstruction[]): void {
  const program = new Uint8Array(filter.length * 8);
  const view = new DataView(program.buffer);
  for (const [position, [code, ifTrue, ifFalse, operand]] of filter.entries()) {
    view.setUint16(position * 8, code, NATIVE_LITTLE_ENDIAN);
    view.setUint8(position * 8 + 2, ifTrue);
    view.setUint8(position * 8 + 3, ifFalse);
    view.setUint32(position * 8 + 4, operand, NATIVE_LITTLE_ENDIAN);
  }
  const head = new Uint8Array(16);
  const headView = new DataView(head.buffer);
  headView.setUint16(0, filter.length, NATIVE_LITTLE_ENDIAN);
  headView.setBigUint64(8, BigInt(ptr(program)), NATIVE_LITTLE_ENDIAN);
  const done = openLibc(iface).setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, head, head.length);
  if (done !== 0) throw errnoError({ interface: iface }, "the packet filter is refused");
}

function linkAddress(ethertype: number, index: number, mac?: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, NATIVE_LITTLE_ENDIAN);
  view.setUint16(2, ethertype);
  view.setInt32(4, index, NATIVE_LITTLE_ENDIAN);
  if (mac !== undefined) {
    bytes[11] = mac.length;
    bytes.set(mac, 12);
  }
  return bytes;
}

const NATIVE_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
