/**
 * A DHCP server on one interface, apart from sockets and clocks (RFC 2131 section 4.3).
 *
 *   DISCOVER ---> probe the address ---> OFFER         (no probe for a lease that runs, or an offer that stands)
 *   REQUEST  server id      it chooses an offer        ACK, NAK, or silence: it chose another server
 *            no server id,
 *              ciaddr 0     it comes back (init-reboot) ACK or NAK
 *              ciaddr set   it renews or rebinds        ACK or NAK
 *   DECLINE  the address is used by somebody else: it rests
 *   RELEASE  the lease ends; the address stays the client's first choice
 *   INFORM   ACK without an address
 *
 * It is the only server of its interface (it refuses to start beside another), so it says NAK where RFC 2131 would
 * have one of several servers keep silent: the client starts anew at once instead of after a time-out.
 */
import {
  isHostAddress,
  isInNetwork,
  LIMITED_BROADCAST,
  networkOf,
  NO_ADDRESS,
  parseAddress,
} from "./address.ts";
import type { Decide, ServerDecision } from "./decisions.ts";
import { type DhcpEvent, summary } from "./events.ts";
import type { DhcpInterface } from "./interfaces.ts";
import type { Lease, LeaseStore } from "./lease.ts";
import { type Client, isSameClient, LeaseTable } from "./lease-table.ts";
import { BROADCAST_FLAG, clientMac, type DhcpMessage, messageType } from "./message.ts";
import { readOption } from "./options.ts";
import type { Pool } from "./pool.ts";
import { type Arrival, type Endpoint, whyUnfit } from "./proxy.ts";
import { serverOptions } from "./server-reply.ts";

export interface ServerMachineOptions {
  readonly interface: DhcpInterface;
  readonly pool: Pool;
  readonly leases: LeaseStore;
  readonly leaseTimeS: number;
  readonly decide: Decide<ServerDecision>;
}

/** Where a message came in, as far as the machine cares. */
export type ServerArrival = Pick<Arrival, "clientPort" | "relayPort">;

/** What must be done for the machine, in order. */
export type Step =
  | {
      readonly kind: "reply";
      /** What is answered: the client's latest question, when it asked again during a probe. */
      readonly request: DhcpMessage;
      readonly message: DhcpMessage;
      readonly type: "OFFER" | "ACK" | "NAK";
      readonly to: Endpoint;
      readonly delayMs: number;
    }
  /** Find out whether somebody uses the address, then call `probed` with the ticket. */
  | { readonly kind: "probe"; readonly address: string; readonly ticket: ProbeTicket }
  | { readonly kind: "ignore"; readonly reason: string }
  | { readonly kind: "rival"; readonly address: string }
  | { readonly kind: "event"; readonly event: DhcpEvent };

/** Opaque to the caller. */
export interface ProbeTicket {
  readonly address: string;
  readonly client: Client;
}

/** A message with what the machine found out about it. */
interface Asked {
  readonly message: DhcpMessage;
  readonly arrival: ServerArrival;
  readonly client: Client;
  readonly decision: Extract<ServerDecision, { kind: "serve" }>;
}

/** Addresses under probe at one time; a flood of DISCOVERs waits for the next second. */
const MAX_PROBES = 64;
const MAX_HOST_NAME = 255;

export class ServerMachine {
  readonly #options: ServerMachineOptions;
  readonly #table: LeaseTable;
  /** By address: the latest question of the client that it is probed for. */
  readonly #probes = new Map<string, Asked>();

  constructor(options: ServerMachineOptions) {
    this.#options = options;
    this.#table = new LeaseTable(options.pool, options.leases);
  }

  /** Takes a decoded message of port 67. */
  receive(message: DhcpMessage, arrival: ServerArrival, nowMs: number): Step[] {
    const unfit = whyUnfit(message) ?? this.#whyNotOurs(message);
    if (unfit !== undefined) return ignore(unfit);
    const type = messageType(message);
    if (type === undefined) return ignore("it is plain BOOTP, or of a type that no client sends");
    const decision = this.#options.decide(message, this.#options.interface);
    if (decision.kind === "ignore") return ignore(decision.reason);
    const id = readOption(message.options, "clientIdentifier")?.toHex();
    const asked: Asked = { message, arrival, decision, client: { mac: clientMac(message), clientId: id } };
    switch (type) {
      case "DISCOVER":
        return this.#discover(asked, nowMs);
      case "REQUEST":
        return this.#request(asked, nowMs);
      case "DECLINE":
        return this.#decline(asked, nowMs);
      case "RELEASE":
        return this.#release(asked, nowMs);
      case "INFORM":
        return this.#inform(asked);
      case "OFFER":
      case "ACK":
      case "NAK":
        return ignore(`a client does not send ${type}`);
    }
  }

  /** Takes the result of a probe: the hardware address of whoever answered, or undefined for nobody. */
  probed(ticket: ProbeTicket, holderMac: string | undefined, nowMs: number): Step[] {
    const { address } = ticket;
    const asked = this.#probes.get(address);
    if (asked === undefined) return [];
    this.#probes.delete(address);
    if (holderMac === undefined || holderMac === asked.client.mac) {
      // While we waited, another client may have bound the address.
      if (this.#table.isFreeFor(address, asked.client, nowMs)) return this.#offer(asked, address, nowMs);
      return this.#probeNext(asked, nowMs);
    }
    this.#table.markBusy(address, nowMs);
    const squatter = { interface: this.#options.interface.name, address, mac: holderMac };
    return [{ kind: "event", event: { type: "squatter", ...squatter } }, ...this.#probeNext(asked, nowMs)];
  }

  /** The probe could not be made: the address is left alone. */
  abandon(ticket: ProbeTicket): void {
    this.#probes.delete(ticket.address);
    this.#table.withdrawOffer(ticket.client);
  }

  #discover(asked: Asked, nowMs: number): Step[] {
    for (const [address, { client }] of this.#probes)
      if (isSameClient(client, asked.client)) {
        this.#probes.set(address, asked);
        return ignore("its address is being probed; it is answered when that is done");
      }
    const known =
      this.#table.offerTo(asked.client, nowMs) ?? this.#runningLease(asked.client, nowMs)?.address;
    if (known !== undefined && this.#table.isFreeFor(known, asked.client, nowMs))
      return this.#offer(asked, known, nowMs);
    return this.#probeNext(asked, nowMs);
  }

  #probeNext(asked: Asked, nowMs: number): Step[] {
    if (this.#probes.size >= MAX_PROBES) return ignore("too many addresses are being probed");
    const requested = readOption(asked.message.options, "requestedAddress");
    const wish = requested !== undefined && this.#probes.has(requested) ? undefined : requested;
    const address = this.#table.choose(asked.client, wish, nowMs);
    if (address === undefined) {
      const message = summary(asked.message);
      return [
        { kind: "event", event: { type: "range-full", interface: this.#options.interface.name, message } },
      ];
    }
    // Held from now on, so that two clients are never probed for the same address.
    this.#table.offer(address, asked.client, nowMs);
    this.#probes.set(address, asked);
    return [{ kind: "probe", address, ticket: { address, client: asked.client } }];
  }

  #offer(asked: Asked, address: string, nowMs: number): Step[] {
    this.#table.offer(address, asked.client, nowMs);
    return [this.#reply(asked, "OFFER", address)];
  }

  #request(asked: Asked, nowMs: number): Step[] {
    const { message, client } = asked;
    const server = readOption(message.options, "serverIdentifier");
    if (server !== undefined && server !== this.#options.interface.address) {
      this.#table.withdrawOffer(client);
      return [{ kind: "rival", address: server }, ...ignore(`it chose the server ${server}`)];
    }
    const renews = message.ciaddr !== NO_ADDRESS;
    const wanted = renews ? message.ciaddr : readOption(message.options, "requestedAddress");
    if (wanted === undefined) return ignore("it asks for no address");
    if (!this.#mayHave(asked, wanted, { chooses: server !== undefined, renews }, nowMs))
      return [this.#reply(asked, "NAK", NO_ADDRESS)];
    return this.#bind(asked, wanted, nowMs);
  }

  #mayHave(
    { client }: Asked,
    wanted: string,
    { chooses, renews }: { chooses: boolean; renews: boolean },
    nowMs: number,
  ): boolean {
    if (!this.#table.isFreeFor(wanted, client, nowMs)) return false;
    if (this.#table.leaseOf(client)?.address === wanted) return true;
    if (chooses) return this.#table.offerTo(client, nowMs) === wanted && !this.#probes.has(wanted);
    // A client that uses its address keeps it although our records are lost: its root disk may hang on it.
    return renews;
  }

  #bind(asked: Asked, address: string, nowMs: number): Step[] {
    const before = this.#runningLease(asked.client, nowMs);
    const lease: Lease = {
      address,
      mac: asked.client.mac,
      clientId: asked.client.clientId ?? before?.clientId,
      hostname: readOption(asked.message.options, "hostName")?.slice(0, MAX_HOST_NAME) || undefined,
      expiresAtMs: nowMs + this.#options.leaseTimeS * 1000,
    };
    this.#table.bind(lease);
    const change = before?.address === address ? "renewed" : "bound";
    return [this.#leaseEvent(change, lease), this.#reply(asked, "ACK", address)];
  }

  #decline(asked: Asked, nowMs: number): Step[] {
    const address = readOption(asked.message.options, "requestedAddress");
    const lease = this.#table.leaseOf(asked.client);
    const held = lease?.address ?? this.#table.offerTo(asked.client, nowMs);
    // Only what it holds: one client must not be able to spoil the others' addresses.
    if (address === undefined || address !== held)
      return ignore("it declines an address that it does not hold");
    this.#table.markBusy(address, nowMs);
    return [this.#leaseEvent("declined", { ...this.#blankLease(asked, address, nowMs), ...lease })];
  }

  #release(asked: Asked, nowMs: number): Step[] {
    const lease = this.#runningLease(asked.client, nowMs);
    if (lease === undefined || lease.address !== asked.message.ciaddr)
      return ignore("it releases an address that it does not hold");
    const ended = { ...lease, expiresAtMs: nowMs };
    this.#table.bind(ended);
    return [this.#leaseEvent("released", ended)];
  }

  #inform(asked: Asked): Step[] {
    if (!isHostAddress(asked.message.ciaddr)) return ignore("it names no address to answer to");
    return [this.#reply(asked, "ACK", NO_ADDRESS)];
  }

  #runningLease(client: Client, nowMs: number): Lease | undefined {
    const lease = this.#table.leaseOf(client);
    return lease !== undefined && lease.expiresAtMs > nowMs ? lease : undefined;
  }

  #blankLease({ client }: Asked, address: string, nowMs: number): Lease {
    return { address, ...client, hostname: undefined, expiresAtMs: nowMs };
  }

  #leaseEvent(change: "bound" | "renewed" | "released" | "declined", lease: Lease): Step {
    return {
      kind: "event",
      event: { type: "lease", interface: this.#options.interface.name, change, lease },
    };
  }

  /** A relay on another network would need a range of that network. */
  #whyNotOurs(message: DhcpMessage): string | undefined {
    if (message.giaddr === NO_ADDRESS) return undefined;
    const relay = parseAddress(message.giaddr);
    const { address, netmask } = this.#options.interface;
    if (relay === undefined || !isInNetwork(networkOf(address, netmask), relay) || message.giaddr === address)
      return "it was relayed from another network";
    return undefined;
  }

  #reply(asked: Asked, type: "OFFER" | "ACK" | "NAK", yiaddr: string): Step {
    const { message, decision, arrival } = asked;
    const own = this.#options.interface;
    const pxe = type === "NAK" ? undefined : decision.pxe;
    const relayedNak = type === "NAK" && message.giaddr !== NO_ADDRESS;
    return {
      kind: "reply",
      request: message,
      type,
      to: this.#destination(message, arrival, type),
      delayMs: decision.delayMs ?? 0,
      message: {
        op: "reply",
        hardwareType: message.hardwareType,
        hardwareAddress: message.hardwareAddress,
        hops: 0,
        xid: message.xid,
        secs: 0,
        // RFC 2131 section 4.3.2: the relay must broadcast a NAK, the client's address may be wrong.
        flags: relayedNak ? message.flags | BROADCAST_FLAG : message.flags,
        ciaddr: type === "ACK" ? message.ciaddr : NO_ADDRESS,
        yiaddr,
        siaddr: pxe === undefined ? NO_ADDRESS : own.address,
        giaddr: message.giaddr,
        sname: "",
        file: pxe?.bootFile ?? "",
        options: serverOptions({
          message,
          decision,
          type,
          yiaddr,
          interface: own,
          leaseTimeS: this.#options.leaseTimeS,
        }),
      },
    };
  }

  /**
   * RFC 2131 section 4.1. A client without an address gets a broadcast also when it could take unicast: the kernel
   * sends no datagram to an address that answers no ARP, and every client must take a broadcast.
   */
  #destination(message: DhcpMessage, arrival: ServerArrival, type: string): Endpoint {
    if (message.giaddr !== NO_ADDRESS) return { address: message.giaddr, port: arrival.relayPort };
    const { address, netmask } = this.#options.interface;
    const ciaddr = parseAddress(message.ciaddr) ?? 0;
    const reachable = isHostAddress(message.ciaddr) && isInNetwork(networkOf(address, netmask), ciaddr);
    if (type === "ACK" && reachable) return { address: message.ciaddr, port: arrival.clientPort };
    return { address: LIMITED_BROADCAST, port: arrival.clientPort };
  }
}

function ignore(reason: string): Step[] {
  return [{ kind: "ignore", reason }];
}
