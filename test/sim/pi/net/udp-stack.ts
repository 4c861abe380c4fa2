/** The network code of a boot firmware: one address, ARP and UDP sockets, on a wire. */
import { FirmwareStop } from "../files.ts";
import {
  type ArpFrame,
  BROADCAST_ADDRESS,
  BROADCAST_MAC,
  addressBytes,
  decodeFrame,
  encodeFrame,
  type UdpFrame,
} from "./frames.ts";
import type { Wire } from "./tap.ts";

/** An ARP request is repeated this often, this far apart, before the firmware gives up. */
const ARP_TRIES = 4;
const ARP_RETRY_MS = 500;
/** A firmware has little memory for packets that nobody has read yet. */
const SOCKET_QUEUE_PACKETS = 64;

export interface Datagram {
  readonly address: string;
  readonly port: number;
  readonly payload: Uint8Array;
}

export interface StackOptions {
  readonly mac: string;
  /** Where packets go when ARP stays without an answer; without it sending fails. Pi 3 uses aa:aa:aa:aa:aa:aa. */
  readonly macWithoutArp?: string;
  /** Multiplies every waiting time. */
  readonly timeFactor: number;
}

export interface Address {
  readonly address: string;
  readonly netmask: string;
  readonly router: string | undefined;
}

export class UdpStack {
  /** False while the firmware is too busy to answer ARP (Pi 3 in a transfer). */
  answersArp = true;
  /** True while the firmware hears nothing at all. */
  deaf = false;
  readonly mac: string;
  readonly #wire: Wire;
  readonly #options: StackOptions;
  readonly #sockets = new Map<number, UdpSocket>();
  readonly #neighbours = new Map<string, string>();
  readonly #arpWaiters = new Map<string, Array<(mac: string) => void>>();
  #address: Address | undefined;

  constructor(wire: Wire, options: StackOptions) {
    this.#wire = wire;
    this.#options = options;
    this.mac = options.mac;
    wire.listen((bytes) => this.#receive(bytes));
  }

  /** Takes an address, or gives it up (a later loader asks anew). Forgets every neighbour. */
  setAddress(address: Address | undefined): void {
    this.#address = address;
    this.#neighbours.clear();
  }

  /** Opens a port. Throws when it is open already. */
  open(port: number): UdpSocket {
    if (this.#sockets.has(port)) throw new Error(`UDP port ${port} is in use`);
    const socket = new UdpSocket(
      port,
      (address, toPort, payload) => this.#send(port, address, toPort, payload),
      () => this.#sockets.delete(port),
    );
    this.#sockets.set(port, socket);
    return socket;
  }

  async #send(fromPort: number, toAddress: string, toPort: number, payload: Uint8Array): Promise<void> {
    const toMac = toAddress === BROADCAST_ADDRESS ? BROADCAST_MAC : await this.#resolve(this.#hop(toAddress));
    const fromAddress = this.#address?.address ?? "0.0.0.0";
    const frame = { fromMac: this.mac, toMac, fromAddress, toAddress, fromPort, toPort, payload };
    this.#wire.send(encodeFrame({ kind: "udp", ...frame }));
  }

  /** The neighbour that a packet goes to: the target itself, or the router for another network. */
  #hop(target: string): string {
    const own = this.#address;
    if (!own) throw new FirmwareStop(`no address yet: cannot reach ${target}`);
    const mask = addressBytes(own.netmask);
    const mine = addressBytes(own.address);
    const isNear = addressBytes(target).every(
      (byte, at) => (byte & (mask[at] ?? 255)) === ((mine[at] ?? 0) & (mask[at] ?? 255)),
    );
    if (isNear) return target;
    if (!own.router) throw new FirmwareStop(`${target} is on another network and no router was offered`);
    return own.router;
  }

  async #resolve(address: string): Promise<string> {
    const known = this.#neighbours.get(address);
    if (known) return known;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#arpWaiters.set(address, [...(this.#arpWaiters.get(address) ?? []), resolve]);
    for (let attempt = 0; attempt < ARP_TRIES; attempt++) {
      this.#sendArp("request", "00:00:00:00:00:00", address);
      const mac = await Promise.race([promise, Bun.sleep(ARP_RETRY_MS * this.#options.timeFactor)]);
      if (mac) return mac;
    }
    if (this.#options.macWithoutArp) return this.#options.macWithoutArp;
    throw new FirmwareStop(`no ARP answer from ${address}`);
  }

  #sendArp(operation: ArpFrame["operation"], targetMac: string, targetAddress: string): void {
    const senderAddress = this.#address?.address ?? "0.0.0.0";
    const sender = { senderMac: this.mac, senderAddress };
    this.#wire.send(encodeFrame({ kind: "arp", operation, ...sender, targetMac, targetAddress }));
  }

  #receive(bytes: Uint8Array): void {
    if (this.deaf) return;
    const frame = decodeFrame(bytes);
    if (frame?.kind === "arp") this.#receiveArp(frame);
    else if (frame) this.#receiveUdp(frame);
  }

  #receiveArp(frame: ArpFrame): void {
    if (!this.#address || frame.targetAddress !== this.#address.address) return;
    if (frame.operation === "reply") {
      this.#neighbours.set(frame.senderAddress, frame.senderMac);
      for (const wake of this.#arpWaiters.get(frame.senderAddress) ?? []) wake(frame.senderMac);
      this.#arpWaiters.delete(frame.senderAddress);
    } else if (this.answersArp) {
      this.#sendArp("reply", frame.senderMac, frame.senderAddress);
    }
  }

  #receiveUdp(frame: UdpFrame): void {
    const isForEverybody = frame.toMac === BROADCAST_MAC && frame.toAddress === BROADCAST_ADDRESS;
    // Before it has an address the firmware takes what the card lets through: DHCP answers to the offered address.
    const isForMe = frame.toMac === this.mac && (!this.#address || frame.toAddress === this.#address.address);
    if (!isForEverybody && !isForMe) return;
    const datagram = { address: frame.fromAddress, port: frame.fromPort, payload: frame.payload };
    this.#sockets.get(frame.toPort)?.deliver(datagram);
  }
}

export class UdpSocket {
  readonly port: number;
  readonly #queue: Datagram[] = [];
  readonly #sendTo: (address: string, port: number, payload: Uint8Array) => Promise<void>;
  readonly #onClose: () => void;
  #waiting: ((datagram: Datagram | undefined) => void) | undefined;

  constructor(
    port: number,
    sendTo: (address: string, port: number, payload: Uint8Array) => Promise<void>,
    onClose: () => void,
  ) {
    this.port = port;
    this.#sendTo = sendTo;
    this.#onClose = onClose;
  }

  /** Sends a datagram. Rejects when the target cannot be reached. */
  send(address: string, port: number, payload: Uint8Array): Promise<void> {
    return this.#sendTo(address, port, payload);
  }

  /** The next datagram, or undefined when none came before `deadline` (milliseconds of performance.now). */
  receive(deadline: number): Promise<Datagram | undefined> {
    const next = this.#queue.shift();
    if (next) return Promise.resolve(next);
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          this.#waiting = undefined;
          resolve(undefined);
        },
        Math.max(0, deadline - performance.now()),
      );
      this.#waiting = (datagram) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(datagram);
      };
    });
  }

  deliver(datagram: Datagram): void {
    if (this.#waiting) this.#waiting(datagram);
    else if (this.#queue.length < SOCKET_QUEUE_PACKETS) this.#queue.push(datagram);
  }

  close(): void {
    this.#onClose();
  }
}
