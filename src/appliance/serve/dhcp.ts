/** DHCP's policy: Raspberry Pis are told where their files are, as `decide` says; as a proxy, nobody else hears a word. */
import {
  clientMac,
  createDhcpProxy,
  createDhcpServer,
  type DhcpEvent,
  type DhcpInterface,
  type DhcpMessage,
  readOption,
  RivalServerError,
} from "dhcp4-ts";
import { hostname as computerName } from "node:os";
import type { Director } from "../boot/director.ts";
import { endpointOption, SHIM_CLASS, shimOf } from "../boot/endpoint-option.ts";
import { diskOptions } from "../boot/disk-options.ts";
import { ApplianceError, wordsOf } from "../errors.ts";
import type { EventLog } from "../events.ts";
import { piPxeAnswer, piReplyDelayMs } from "../pi-dhcp-answer.ts";
import { identifyPi } from "../pi-identity.ts";
import type { PiRegistry } from "../pis/registry.ts";
import type { SessionService } from "../sessions/service.ts";
import type { SqliteLeaseStore } from "../state/lease-store.ts";
import type { UnansweredLog } from "../unanswered.ts";

export const DHCP_MODES = ["proxy", "server", "off"] as const;
export type DhcpMode = (typeof DHCP_MODES)[number];

export interface DhcpOptions {
  readonly mode: Exclude<DhcpMode, "off">;
  /** Names of interfaces; none for every one. */
  readonly interfaces: readonly string[];
  readonly port: number;
  readonly pxePort: number;
  readonly range: { readonly first: string; readonly last: string } | undefined;
  readonly leases: SqliteLeaseStore;
  readonly director: Director;
  readonly pis: PiRegistry;
  readonly sessions: SessionService;
  readonly events: EventLog;
  readonly unanswered: UnansweredLog;
  /** The iSCSI server's real port; undefined while it is not served. */
  readonly iscsiPort: () => number | undefined;
  /** The boot endpoint's real port; undefined while it is not served. */
  readonly reportPort: () => number | undefined;
}

export interface DhcpService {
  /** Names of the interfaces served now. */
  interfaces(): readonly string[];
  close(): Promise<void>;
}

/** How long a client may keep an address of ours without asking again, in seconds. */
const LEASE_S = 3600;
/** How the doctor names it. */
const DHCP_SERVICE = "DHCP";
/** A Pi asks every few seconds: the same words about it are said once in this time. */
const SAY_AGAIN_MS = 15_000;

/**
 * Begins to answer. Throws DhcpSocketError when no port can be had, and ApplianceError "rival-dhcp-server" when
 * another server already gives addresses where we should.
 */
export async function startDhcp(options: DhcpOptions): Promise<DhcpService> {
  // Of a start that fails its error says it all: what came before it is told when the service runs.
  const beforeStart: DhcpEvent[] = [];
  let tell = (event: DhcpEvent): void => void beforeStart.push(event);
  const service = await start(options, (event) => tell(event));
  tell = (event) => follow(options, event);
  beforeStart.forEach(tell);
  return service;
}

async function start(options: DhcpOptions, onEvent: (event: DhcpEvent) => void): Promise<DhcpService> {
  const teller = new Teller(options.events);
  const common = {
    ...(options.interfaces.length > 0 && { interfaces: options.interfaces }),
    port: options.port,
    pxePort: options.pxePort,
    onEvent,
  };
  const answer = (message: DhcpMessage, iface: DhcpInterface) => answerFor(options, teller, message, iface);
  if (options.mode === "proxy") {
    const proxy = await createDhcpProxy({
      ...common,
      decide(message, iface) {
        const endpoint = endpointFor(options, message, iface);
        if (endpoint) return { kind: "tell", options: endpoint };
        const found = answer(message, iface);
        if (found.kind === "boot") return { kind: "answer", ...found.answer };
        noteSilence(options, message, iface, found);
        return { kind: "ignore", reason: found.reason };
      },
    });
    return { interfaces: () => namesOf(proxy.interfaces()), close: () => proxy.close() };
  }
  try {
    const server = await createDhcpServer({
      ...common,
      ...(options.range && { range: options.range }),
      leases: options.leases,
      leaseTimeS: LEASE_S,
      decide(message, iface) {
        const found = answer(message, iface);
        // A Pi's firmware that we cannot boot yet must go on asking; whatever else is on the cable gets its address.
        if (found.kind === "silence" && found.firmware) {
          noteSilence(options, message, iface, found);
          return { kind: "ignore", reason: found.reason };
        }
        const more = new Map([
          ...(diskOf(options, message, iface) ?? []),
          ...(endpointFor(options, message, iface) ?? []),
        ]);
        return {
          kind: "serve",
          ...(found.kind === "boot" && found.answer),
          ...(more.size > 0 && { options: more }),
        };
      },
    });
    return { interfaces: () => namesOf(server.interfaces()), close: () => server.close() };
  } catch (error) {
    throw error instanceof RivalServerError ? rivalError(error) : error;
  }
}

type Answer =
  | { readonly kind: "boot"; readonly answer: { pxe: ReturnType<typeof piPxeAnswer>; delayMs: number } }
  | Silence;

interface Silence {
  readonly kind: "silence";
  readonly reason: string;
  readonly fix?: string;
  /** It is a Pi's firmware, which we know and do not answer. */
  readonly firmware: boolean;
}

/** Keeps who was left without an answer, for the doctor. */
function noteSilence(
  { unanswered }: Pick<DhcpOptions, "unanswered">,
  message: DhcpMessage,
  iface: DhcpInterface,
  { reason, fix }: Silence,
): void {
  unanswered.note({
    service: DHCP_SERVICE,
    who: clientMac(message),
    name: readOption(message.options, "hostName"),
    vendor: readOption(message.options, "vendorClass"),
    interface: iface.name,
    reason,
    fix,
  });
}

function answerFor(
  { director, events }: DhcpOptions,
  teller: Teller,
  message: DhcpMessage,
  iface: DhcpInterface,
): Answer {
  const found = identifyPi(message);
  if (!found.pi) return { kind: "silence", reason: found.reason, firmware: false };
  const { family, serial, mac, model } = found.pi;
  const { pi, plan } = director.direct({ serial, mac, model: model ?? modelOf(family) });
  if (plan.kind === "ignore") {
    teller.say(pi?.key ?? null, plan.reason, plan.fix);
    return { kind: "silence", reason: plan.reason, fix: plan.fix, firmware: true };
  }
  if (pi && teller.isNews(`${pi.key} start`))
    events.emit({ pi: pi.key, stage: "dhcp", state: "start", detail: `Asks on ${iface.name}` });
  return { kind: "boot", answer: { pxe: piPxeAnswer(), delayMs: piReplyDelayMs(found.pi) } };
}

/**
 * Option 43 for a shim that nobody told where this server is (it came from an SD card, or uses WiFi); undefined for
 * everyone else, and for a Pi that is to be ignored.
 */
function endpointFor(
  { director, reportPort }: DhcpOptions,
  message: DhcpMessage,
  iface: DhcpInterface,
): ReturnType<typeof endpointOption> | undefined {
  const shim = shimOf(message);
  const port = reportPort();
  if (!shim || port === undefined) return undefined;
  const { plan } = director.directShim({ serial: shim.serial, mac: clientMac(message) });
  return plan.kind === "ignore" ? undefined : endpointOption(iface.address, port, computerName());
}

/** Options 17 and 224 for a Pi whose image is chosen, whichever of its programs asks; undefined for everyone else. */
function diskOf(
  { director, pis, sessions, events, iscsiPort }: DhcpOptions,
  message: DhcpMessage,
  iface: DhcpInterface,
): ReturnType<typeof diskOptions> | undefined {
  const pi = pis.byMac(clientMac(message));
  const port = iscsiPort();
  if (!pi || port === undefined) return undefined;
  const plan = director.plan(pi, undefined, "running");
  if (plan.kind !== "boot") return undefined;
  // The record is there when the call returns; only that it outlives a power cut is waited for, and not by a DHCP answer.
  sessions.forPi(pi.key, plan.assignment).catch((error: unknown) => {
    events.emit({
      pi: pi.key,
      stage: "dhcp",
      state: "fail",
      detail: `No disk can be told: ${wordsOf(error)}`,
    });
  });
  const session = sessions.ofPi(pi.key, plan.assignment.image);
  return (
    session &&
    diskOptions({ address: iface.address, port, target: session.iqn, lun: 0, mode: plan.assignment.mode })
  );
}

/** "Raspberry Pi 4" for "pi4"; undefined for a family that only says "a Pi". */
function modelOf(family: string): string | undefined {
  const digit = /^pi(\d)/.exec(family)?.[1];
  return digit === undefined ? undefined : `Raspberry Pi ${digit}`;
}

function follow({ events, pis, unanswered }: DhcpOptions, event: DhcpEvent): void {
  switch (event.type) {
    case "answered": {
      unanswered.answered(DHCP_SERVICE, event.message.mac);
      const pi = pis.byMac(event.message.mac);
      if (!pi) return;
      if (event.address !== "0.0.0.0") pis.see({ mac: event.message.mac, address: event.address });
      // The shim asks for its own address, for other servers, and for its lease again: no boot begins with that.
      if (event.message.vendorClass === SHIM_CLASS) return;
      if (event.reply === "OFFER" || event.reply === "ACK")
        events.emit({
          pi: pi.key,
          stage: "dhcp",
          state: event.reply === "ACK" || event.address === "0.0.0.0" ? "ok" : "progress",
          detail: `Answered on ${event.interface}${event.address === "0.0.0.0" ? "" : ` with ${event.address}`}`,
        });
      return;
    }
    case "interface-up":
      events.emit({
        stage: "server",
        state: "ok",
        detail: `DHCP listens on ${event.interface.name} (${event.interface.address})`,
      });
      return;
    case "interface-down":
      events.emit({
        stage: "server",
        state: "progress",
        detail: `${event.interface.name} is gone; DHCP waits for it`,
      });
      return;
    case "interface-unusable":
      events.emit({
        stage: "server",
        state: "fail",
        detail: `DHCP cannot use ${event.interface}: ${event.reason}`,
        fix: `Plug its cable in and give it an address, like: sudo ip addr add 10.77.0.1/24 dev ${event.interface}   (it is used as soon as it has one)`,
      });
      return;
    case "send-failed":
      events.emit({
        stage: "dhcp",
        state: "fail",
        detail: `An answer on ${event.interface} to ${event.to} could not be sent: ${event.reason}`,
      });
      return;
    case "fault":
      events.emit({
        stage: "server",
        state: "fail",
        detail: `DHCP on ${event.interface}: ${wordsOf(event.error)}`,
      });
      return;
    case "range-full":
      unanswered.note({
        service: DHCP_SERVICE,
        who: event.message.mac,
        interface: event.interface,
        reason: "no address is left for it",
        fix: "Give a larger --dhcp-range.",
      });
      events.emit({
        pi: pis.byMac(event.message.mac)?.key ?? null,
        stage: "dhcp",
        state: "fail",
        detail: `No address is left on ${event.interface} for ${event.message.mac}`,
        fix: "Give a larger --dhcp-range.",
      });
      return;
    case "rival":
      events.emit({
        stage: "server",
        state: "fail",
        detail: `Another DHCP server answers on ${event.rival.interface}: ${event.rival.address}`,
        fix: "Take it off this cable, or start with --dhcp proxy.",
      });
      return;
    case "squatter":
      events.emit({
        stage: "server",
        state: "progress",
        detail: `${event.address} on ${event.interface} is used by ${event.mac} without a lease; it is left out`,
      });
      return;
    case "malformed":
      unanswered.note({
        service: DHCP_SERVICE,
        who: event.from,
        interface: event.interface,
        reason: `it is no DHCP message: ${event.reason}`,
      });
      return;
    case "ignored":
    case "lease":
      return;
  }
}

/** Says why a Pi is left without an answer, but not at each of its tries. */
class Teller {
  readonly #events: EventLog;
  readonly #saidAt = new Map<string, number>();

  constructor(events: EventLog) {
    this.#events = events;
  }

  say(pi: string | null, reason: string, fix: string): void {
    if (this.isNews(`${pi} ${reason}`))
      this.#events.emit({ pi, stage: "dhcp", state: "progress", detail: `Not answered: ${reason}`, fix });
  }

  /** True when `what` was not said lately. Remembers no more than a room of Pis. */
  isNews(what: string): boolean {
    const now = Date.now();
    for (const [key, at] of this.#saidAt) if (now - at >= SAY_AGAIN_MS) this.#saidAt.delete(key);
    if (this.#saidAt.has(what)) return false;
    this.#saidAt.set(what, now);
    return true;
  }
}

function namesOf(interfaces: Iterable<DhcpInterface>): readonly string[] {
  return [...interfaces].map(({ name }) => name);
}

function rivalError({ rival }: RivalServerError): ApplianceError {
  return new ApplianceError(
    "rival-dhcp-server",
    `Another DHCP server answers on ${rival.interface}: ${rival.address}`,
    "Start with --dhcp proxy beside it, or take it off this cable.",
  );
}
