/**
 * The sockets of a proxy or a server: one pair an interface, opened and closed as interfaces come and go.
 * What is done with a datagram is the caller's.
 */
import { DhcpDecodeError, DhcpSocketError } from "./errors.ts";
import { type DeviceSocket, openDeviceSocket } from "./device-socket.ts";
import { type DhcpEvent, summary } from "./events.ts";
import {
  compareInterfaces,
  type InterfaceFilter,
  listInterfaces,
  WATCH_INTERVAL_MS,
} from "./interface-watch.ts";
import type { DhcpInterface } from "./interfaces.ts";
import { decodeMessage, type DhcpMessage, encodeMessage } from "./message.ts";
import type { MessageType } from "./message-types.ts";
import type { Endpoint } from "./proxy.ts";

export type Service = "dhcp" | "pxe";

/** The ports of the protocol; on others (in tests, or beside another server) replies go to where a message came from. */
const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;

/** An interface that cannot be served is tried again this much later: each try may cost a search for rivals. */
const RETRY_INTERVAL_MS = 5000;

export interface EndpointSetOptions extends InterfaceFilter {
  readonly port: number;
  /** Absent: no socket for it. */
  readonly pxePort?: number | undefined;
  readonly onMessage: (message: DhcpMessage, arrival: SocketArrival) => void;
  readonly onEvent: (event: DhcpEvent) => void;
  /** Called before an interface is served; a rejection keeps it out and is tried again. The signal ends the service. */
  readonly admit?: (iface: DhcpInterface, signal: AbortSignal) => Promise<void>;
  readonly onGone?: (iface: DhcpInterface) => void;
}

export interface SocketArrival {
  readonly interface: DhcpInterface;
  readonly service: Service;
  readonly source: Endpoint;
  readonly clientPort: number;
  readonly relayPort: number;
}

export interface Reply {
  readonly message: DhcpMessage;
  readonly type: MessageType;
  readonly to: Endpoint;
  /** What the client takes at most. */
  readonly maxBytes: number;
}

interface Served {
  readonly interface: DhcpInterface;
  readonly sockets: ReadonlyMap<Service, DeviceSocket>;
}

export class EndpointSet {
  readonly #options: EndpointSetOptions;
  readonly #served = new Map<string, Served>();
  /** Interfaces that cannot be served: the cause last told, and when to try again. */
  readonly #unusable = new Map<string, { reason: string; retryAtMs: number }>();
  readonly #ports: Record<Service, number>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> = Promise.resolve();
  readonly #end = new AbortController();

  constructor(options: EndpointSetOptions) {
    this.#options = options;
    this.#ports = { dhcp: options.port, pxe: options.pxePort ?? 0 };
  }

  get interfaces(): readonly DhcpInterface[] {
    return [...this.#served.values()].map((served) => served.interface);
  }

  /** The port in use, or the one asked for while there is no interface. */
  port(service: Service): number {
    return this.#ports[service];
  }

  /**
   * Serves what is there and watches from then on.
   * @throws the first interface's error when none of those that are there can be served.
   */
  async start(): Promise<void> {
    const failures = await this.#look();
    const [first] = failures;
    if (first !== undefined && this.#served.size === 0) {
      await this.close();
      throw first;
    }
    this.#watch();
  }

  async close(): Promise<void> {
    this.#end.abort();
    clearTimeout(this.#timer);
    await this.#looking;
    await Promise.all([...this.#served.values()].map(closeSockets));
    this.#served.clear();
  }

  /** Sends a reply through the interface and service that the message came in by, and tells of it. */
  async send(request: DhcpMessage, arrival: SocketArrival, reply: Reply): Promise<void> {
    const { onEvent } = this.#options;
    const iface = arrival.interface.name;
    const to = `${reply.to.address}:${reply.to.port}`;
    const socket = this.#served.get(iface)?.sockets.get(arrival.service);
    if (socket === undefined) {
      onEvent({ type: "send-failed", interface: iface, to, reason: "the interface has gone" });
      return;
    }
    try {
      await socket.send(encodeMessage(reply.message, reply.maxBytes), reply.to);
    } catch (error) {
      onEvent({ type: "send-failed", interface: iface, to, reason: reasonOf(error) });
      return;
    }
    onEvent({
      type: "answered",
      interface: iface,
      message: summary(request),
      reply: reply.type,
      address: reply.message.yiaddr,
      to,
    });
  }

  #watch(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().then(
        () => {
          if (!this.#end.signal.aborted) this.#watch();
        },
        (error: unknown) => this.#fault("*", error),
      );
    }, WATCH_INTERVAL_MS);
  }

  /** One look at the interfaces; gives the errors of those that cannot be served. */
  async #look(): Promise<Error[]> {
    const now = listInterfaces(this.#options);
    const before = new Map([...this.#served].map(([name, served]) => [name, served.interface]));
    const { gone, come } = compareInterfaces(before, now);
    for (const iface of gone) await this.#drop(iface);
    for (const { name } of gone) this.#unusable.delete(name);
    const due = come.filter((iface) => (this.#unusable.get(iface.name)?.retryAtMs ?? 0) <= Date.now());
    // Admission waits for answers from the wire, so it is asked for all at once.
    const admitted = await Promise.all(
      due.map((iface) => this.#attempt(iface, async () => this.#options.admit?.(iface, this.#end.signal))),
    );
    const failures: Error[] = [];
    for (const [position, iface] of due.entries()) {
      if (this.#end.signal.aborted) break;
      const failure = admitted[position] ?? (await this.#attempt(iface, () => this.#serve(iface)));
      if (failure !== undefined) failures.push(failure);
    }
    this.#tellMissing(now);
    return failures;
  }

  #tellMissing(now: ReadonlyMap<string, DhcpInterface>): void {
    for (const name of this.#options.names ?? [])
      if (!now.has(name)) this.#tellUnusable(name, "it is not there, not up, or has no IPv4 address", 0);
  }

  /** Gives the error of a step towards serving an interface, having told of it. */
  async #attempt(iface: DhcpInterface, step: () => Promise<void>): Promise<Error | undefined> {
    try {
      await step();
      return undefined;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#tellUnusable(iface.name, error.message, RETRY_INTERVAL_MS, error);
      return error;
    }
  }

  async #serve(iface: DhcpInterface): Promise<void> {
    const sockets = new Map<Service, DeviceSocket>();
    try {
      sockets.set("dhcp", await this.#open(iface, "dhcp"));
      if (this.#options.pxePort !== undefined) sockets.set("pxe", await this.#open(iface, "pxe"));
    } catch (error) {
      await closeSockets({ sockets });
      throw error;
    }
    this.#unusable.delete(iface.name);
    this.#served.set(iface.name, { interface: iface, sockets });
    this.#options.onEvent({ type: "interface-up", interface: iface });
  }

  async #open(iface: DhcpInterface, service: Service): Promise<DeviceSocket> {
    const socket = await openDeviceSocket({
      interface: iface.name,
      port: this.#ports[service],
      onDatagram: (bytes, source) => this.#receive(bytes, source, iface, service),
      onError: (error) => this.#fault(iface.name, error),
    });
    // "Any port" is decided once: every interface serves the same.
    this.#ports[service] = socket.port;
    return socket;
  }

  async #drop(iface: DhcpInterface): Promise<void> {
    const served = this.#served.get(iface.name);
    this.#served.delete(iface.name);
    if (served !== undefined) await closeSockets(served);
    this.#options.onGone?.(iface);
    this.#options.onEvent({ type: "interface-down", interface: iface });
  }

  #tellUnusable(name: string, reason: string, retryAfterMs: number, error?: Error): void {
    const before = this.#unusable.get(name)?.reason;
    this.#unusable.set(name, { reason, retryAtMs: Date.now() + retryAfterMs });
    if (before === reason) return;
    this.#options.onEvent({
      type: "interface-unusable",
      interface: name,
      reason,
      ...(error instanceof DhcpSocketError ? { error } : {}),
    });
  }

  #receive(bytes: Uint8Array, source: Endpoint, iface: DhcpInterface, service: Service): void {
    let message: DhcpMessage;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof DhcpDecodeError)) throw error;
      const from = `${source.address}:${source.port}`;
      this.#options.onEvent({ type: "malformed", interface: iface.name, from, reason: error.message });
      return;
    }
    const standard = this.#ports.dhcp === DHCP_SERVER_PORT;
    try {
      this.#options.onMessage(message, {
        interface: iface,
        service,
        source,
        clientPort: standard ? DHCP_CLIENT_PORT : source.port,
        relayPort: standard ? DHCP_SERVER_PORT : source.port,
      });
    } catch (error) {
      this.#fault(iface.name, error);
    }
  }

  /** A policy that throws, or a socket that breaks, must not end the service for everybody. */
  #fault(iface: string, error: unknown): void {
    this.#options.onEvent({ type: "fault", interface: iface, error });
  }
}

async function closeSockets(served: Pick<Served, "sockets">): Promise<void> {
  await Promise.all([...served.sockets.values()].map((socket) => socket.close()));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
