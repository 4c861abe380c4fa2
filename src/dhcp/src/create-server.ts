import { ArpProber } from "./arp.ts";
import { PXE_PORT } from "./create-proxy.ts";
import type { Decide, ProxyDecision, ServerDecision } from "./decisions.ts";
import { detectDhcpServers } from "./detect.ts";
import { EndpointSet, type Reply, type SocketArrival } from "./endpoint-set.ts";
import { DhcpConfigError, DhcpSocketError, type RivalServer, RivalServerError } from "./errors.ts";
import { type DhcpEvent, summary } from "./events.ts";
import type { DhcpInterface } from "./interfaces.ts";
import type { LeaseStore } from "./lease.ts";
import { clientMac, type DhcpMessage } from "./message.ts";
import { type AddressRange, poolFor } from "./pool.ts";
import { requireFreePort } from "./port-check.ts";
import { proxyReply, replyBytes } from "./proxy.ts";
import { ReplyQueue } from "./reply-queue.ts";
import { ServerMachine, type Step } from "./server-machine.ts";

export interface DhcpServerOptions {
  /** Names; absent: every interface that is no loopback, also those that appear later. */
  readonly interfaces?: readonly string[] | undefined;
  /** Addresses to give; absent: up to 100 at the top of each interface's network. */
  readonly range?: AddressRange | undefined;
  /** 12 hours when absent: a laptop may be closed for a while without its clients losing their addresses. */
  readonly leaseTimeS?: number | undefined;
  readonly leases: LeaseStore;
  /** 67 when absent; 0 takes any free one. On another port than 67 replies go to the sender's port, not to 68. */
  readonly port?: number | undefined;
  /** For PXE clients that ask the boot server apart from their lease: 4011 when absent; 0 takes any free one. */
  readonly pxePort?: number | undefined;
  /** How long to listen for another server before an interface is served; 4000 when absent. */
  readonly detectTimeoutMs?: number | undefined;
  /** How often to look for a rival that came later; 60000 when absent. */
  readonly rivalCheckIntervalMs?: number | undefined;
  readonly decide: Decide<ServerDecision>;
  readonly onEvent: (event: DhcpEvent) => void;
}

export interface DhcpServer {
  readonly port: number;
  readonly pxePort: number;
  /** What is served at this moment. */
  interfaces(): readonly DhcpInterface[];
  close(): Promise<void>;
}

const DEFAULT_LEASE_S = 12 * 3600;
/** Below a minute clients do nothing but renew; above 32 bits the option has no room. */
const LEASE_LIMITS_S = { least: 60, most: 0xffff_fffe } as const;
const RIVAL_CHECK_INTERVAL_MS = 60_000;
/** Rivals remembered as told, per interface. */
const MAX_RIVALS = 16;

/**
 * Starts a server that gives every client on its interfaces an address, as far as `decide` says "serve".
 * @throws RivalServerError when another server answers on the only interface(s) that could be served.
 * @throws DhcpSocketError `EACCES`, `EPERM` (probing and the search for rivals need root or CAP_NET_RAW), `EADDRINUSE`, `ENOTSUP`.
 * @throws DhcpConfigError when the range or the lease time is impossible.
 */
export async function createDhcpServer(options: DhcpServerOptions): Promise<DhcpServer> {
  const server = new Server(options);
  await server.start();
  return server;
}

/** One interface while it is served. */
interface Post {
  readonly machine: ServerMachine;
  readonly prober: ArpProber;
  readonly rivalTimer: ReturnType<typeof setInterval>;
  readonly rivals: Set<string>;
}

class Server implements DhcpServer {
  readonly #options: DhcpServerOptions;
  readonly #endpoints: EndpointSet;
  readonly #queue = new ReplyQueue();
  readonly #posts = new Map<string, Post>();

  constructor(options: DhcpServerOptions) {
    const leaseTimeS = options.leaseTimeS ?? DEFAULT_LEASE_S;
    if (
      !Number.isInteger(leaseTimeS) ||
      leaseTimeS < LEASE_LIMITS_S.least ||
      leaseTimeS > LEASE_LIMITS_S.most
    )
      throw new DhcpConfigError(`a lease of ${leaseTimeS} s is not between 60 s and 136 years`);
    this.#options = { ...options, leaseTimeS };
    this.#endpoints = new EndpointSet({
      names: options.interfaces,
      port: options.port ?? 67,
      pxePort: options.pxePort ?? PXE_PORT,
      onEvent: options.onEvent,
      onMessage: (message, arrival) => this.#receive(message, arrival),
      admit: (iface, signal) => this.#admit(iface, signal),
      onGone: (iface) => this.#leave(iface.name),
    });
  }

  get port(): number {
    return this.#endpoints.port("dhcp");
  }

  get pxePort(): number {
    return this.#endpoints.port("pxe");
  }

  interfaces(): readonly DhcpInterface[] {
    return this.#endpoints.interfaces;
  }

  async start(): Promise<void> {
    try {
      await this.#endpoints.start();
    } catch (error) {
      this.#leaveAll();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#queue.clear();
    await this.#endpoints.close();
    this.#leaveAll();
  }

  async #admit(iface: DhcpInterface, signal: AbortSignal): Promise<void> {
    const { range, leases, decide, rivalCheckIntervalMs, detectTimeoutMs } = this.#options;
    const pool = poolFor(iface, range);
    requireFreePort(iface.name, this.#endpoints.port("dhcp"));
    const [rival] = await detectDhcpServers({
      interface: iface.name,
      timeoutMs: detectTimeoutMs,
      signal,
    });
    if (rival !== undefined) throw new RivalServerError(rival);
    this.#leave(iface.name);
    this.#posts.set(iface.name, {
      machine: new ServerMachine({
        interface: iface,
        pool,
        leases,
        leaseTimeS: this.#options.leaseTimeS ?? DEFAULT_LEASE_S,
        decide,
      }),
      prober: new ArpProber(iface),
      rivals: new Set(),
      rivalTimer: setInterval(
        () => void this.#lookForRivals(iface.name, signal),
        rivalCheckIntervalMs ?? RIVAL_CHECK_INTERVAL_MS,
      ),
    });
  }

  #leave(name: string): void {
    const post = this.#posts.get(name);
    if (post === undefined) return;
    clearInterval(post.rivalTimer);
    post.prober.close();
    this.#posts.delete(name);
  }

  #leaveAll(): void {
    for (const name of this.#posts.keys()) this.#leave(name);
  }

  async #lookForRivals(name: string, signal: AbortSignal): Promise<void> {
    try {
      const found = await detectDhcpServers({
        interface: name,
        timeoutMs: this.#options.detectTimeoutMs,
        signal,
      });
      for (const rival of found) this.#tellRival(rival);
    } catch (error) {
      // The interface may just be going; the watch tells of that.
      if (!(error instanceof DhcpSocketError && error.code === "ENODEV"))
        this.#options.onEvent({ type: "fault", interface: name, error });
    }
  }

  #tellRival(rival: RivalServer): void {
    const rivals = this.#posts.get(rival.interface)?.rivals;
    if (rivals === undefined || rivals.has(rival.address)) return;
    // A client can name any address as its server: the list must not grow without end.
    if (rivals.size >= MAX_RIVALS) rivals.clear();
    rivals.add(rival.address);
    this.#options.onEvent({ type: "rival", rival });
  }

  #receive(message: DhcpMessage, arrival: SocketArrival): void {
    if (arrival.service === "pxe") return this.#receivePxe(message, arrival);
    const post = this.#posts.get(arrival.interface.name);
    if (post !== undefined)
      this.#run(post.machine.receive(message, arrival, Date.now()), message, arrival, post);
  }

  #run(steps: readonly Step[], message: DhcpMessage, arrival: SocketArrival, post: Post): void {
    for (const step of steps) {
      switch (step.kind) {
        case "reply":
          this.#reply(step.request, arrival, step);
          break;
        case "probe":
          void this.#probe(step, message, arrival, post);
          break;
        case "ignore":
          this.#ignored(message, arrival, step.reason);
          break;
        case "rival":
          this.#tellRival({
            interface: arrival.interface.name,
            address: step.address,
            givesAddresses: true,
            givesBoot: false,
          });
          break;
        case "event":
          this.#options.onEvent(step.event);
          break;
      }
    }
  }

  async #probe(
    step: Extract<Step, { kind: "probe" }>,
    message: DhcpMessage,
    arrival: SocketArrival,
    post: Post,
  ): Promise<void> {
    let steps: Step[];
    try {
      const holder = await post.prober.probe(step.address);
      if (this.#posts.get(arrival.interface.name) !== post) return;
      steps = post.machine.probed(step.ticket, holder, Date.now());
    } catch (error) {
      // Without a probe there is no offer: the client asks again, and the address comes free with the offer's end.
      post.machine.abandon(step.ticket);
      this.#options.onEvent({ type: "fault", interface: arrival.interface.name, error });
      return;
    }
    this.#run(steps, message, arrival, post);
  }

  #receivePxe(message: DhcpMessage, arrival: SocketArrival): void {
    const outcome = proxyReply(message, arrival, (about, iface) =>
      asProxy(this.#options.decide(about, iface)),
    );
    if (outcome.kind === "ignore") this.#ignored(message, arrival, outcome.reason);
    else this.#reply(message, arrival, outcome);
  }

  #reply(
    request: DhcpMessage,
    arrival: SocketArrival,
    reply: Omit<Reply, "maxBytes"> & { delayMs: number },
  ): void {
    const taken = this.#queue.add(`${arrival.interface.name} ${clientMac(request)}`, reply.delayMs, () => {
      void this.#endpoints.send(request, arrival, { ...reply, maxBytes: replyBytes(request) });
    });
    if (!taken) this.#ignored(request, arrival, "an answer is on its way already, or too many are");
  }

  #ignored(message: DhcpMessage, arrival: SocketArrival, reason: string): void {
    this.#options.onEvent({
      type: "ignored",
      interface: arrival.interface.name,
      message: summary(message),
      reason,
    });
  }
}

/** What the boot server on its own port says of a client that the server serves. */
function asProxy(decision: ServerDecision): ProxyDecision {
  if (decision.kind === "ignore") return decision;
  const { options, pxe, delayMs } = decision;
  if (pxe === undefined)
    return options === undefined
      ? { kind: "ignore", reason: "it is no client that boots from here" }
      : { kind: "tell", options };
  return {
    kind: "answer",
    pxe,
    ...(options === undefined ? {} : { options }),
    ...(delayMs === undefined ? {} : { delayMs }),
  };
}
