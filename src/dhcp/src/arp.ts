/**
 * Is an address in use? An ARP probe asks without claiming anything (RFC 5227 section 2.1.1: sender address 0).
 *
 *   +---------+---------+------+------+------+
 *   | hw 1    | 0x0800  |  6   |  4   |  op  |  0
 *   | sender hardware (6)  | sender IP (4)   |  8
 *   | target hardware (6)  | target IP (4)   | 18
 *   +----------------------------------------+
 */
import { addressNumber, formatAddress, formatMac } from "./address.ts";
import type { DhcpInterface } from "./interfaces.ts";
import { ETHERTYPE, openPacketSocket, type PacketSocket } from "./packet-socket.ts";

const ARP_BYTES = 28;
const ETHERNET_IPV4 = Uint8Array.of(0, 1, 8, 0, 6, 4);
const REQUEST = 1;

/** Hosts on a cable answer in a millisecond; one asleep on WiFi may miss the first. */
const PROBE_TIMES_MS = [0, 150];
const PROBE_WAIT_MS = 400;

export function encodeArpProbe(senderMac: Uint8Array, address: string): Uint8Array {
  const bytes = new Uint8Array(ARP_BYTES);
  bytes.set(ETHERNET_IPV4);
  bytes[7] = REQUEST;
  bytes.set(senderMac, 8);
  new DataView(bytes.buffer).setUint32(24, addressNumber(address));
  return bytes;
}

/** Who says that it has which address, or undefined for what is not ARP of IPv4 on Ethernet, or a probe. */
export function decodeArpSender(bytes: Uint8Array): { mac: string; address: string } | undefined {
  if (bytes.length < ARP_BYTES || !ETHERNET_IPV4.every((byte, at) => bytes[at] === byte)) return undefined;
  const address = new DataView(bytes.buffer, bytes.byteOffset).getUint32(14);
  if (address === 0) return undefined;
  return { mac: formatMac(bytes.subarray(8, 14)), address: formatAddress(address) };
}

/** Probes addresses on one interface; holds a packet socket only while it waits for answers. */
export class ArpProber {
  readonly #interface: DhcpInterface;
  readonly #waiting = new Map<string, PromiseWithResolvers<string | undefined>>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #socket: PacketSocket | undefined;

  constructor(iface: DhcpInterface) {
    this.#interface = iface;
  }

  /**
   * The hardware address of whoever uses the address, or undefined when nobody answers within 0.4 s.
   * @throws DhcpSocketError `EPERM` without root or CAP_NET_RAW, `ENODEV` when the interface has gone.
   */
  probe(address: string): Promise<string | undefined> {
    const waiting = this.#waiting.get(address);
    if (waiting !== undefined) return waiting.promise;
    this.#socket ??= openPacketSocket({
      interface: this.#interface.name,
      ethertype: ETHERTYPE.arp,
      onPacket: (packet) => this.#hear(packet),
    });
    const asked = Promise.withResolvers<string | undefined>();
    this.#waiting.set(address, asked);
    for (const at of PROBE_TIMES_MS) this.#later(at, () => this.#ask(address));
    this.#later(PROBE_WAIT_MS, () => this.#take(address)?.resolve(undefined));
    return asked.promise;
  }

  /** Ends every probe as unanswered. */
  close(): void {
    for (const address of this.#waiting.keys()) this.#take(address)?.resolve(undefined);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }

  #ask(address: string): void {
    if (!this.#waiting.has(address)) return;
    const own = Uint8Array.fromHex(this.#interface.mac.replaceAll(":", ""));
    try {
      this.#socket?.broadcast(encodeArpProbe(own, address));
    } catch (error) {
      this.#take(address)?.reject(error);
    }
  }

  #hear(packet: Uint8Array): void {
    const sender = decodeArpSender(packet);
    if (sender !== undefined && sender.mac !== this.#interface.mac)
      this.#take(sender.address)?.resolve(sender.mac);
  }

  /** Takes a probe out of those that wait; with the last one the socket goes. */
  #take(address: string): PromiseWithResolvers<string | undefined> | undefined {
    const asked = this.#waiting.get(address);
    this.#waiting.delete(address);
    if (this.#waiting.size === 0) {
      this.#socket?.close();
      this.#socket = undefined;
    }
    return asked;
  }
}
