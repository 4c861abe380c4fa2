/** What the DHCP tests run on the lab's hosts: our own service, a router, clients, and a capture of the wire. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeMessage, type DhcpEvent, type DhcpMessage } from "dhcp4-ts";
import { decodeUdpPacket } from "../../src/dhcp/src/udp-packet.ts";
import type { Host, Lab, LabProcess } from "../sim/net/lab.ts";
import type { ClientSettings } from "./client.ts";
import type { ServeSettings } from "./serve.ts";

/** Long enough for a slow machine; a test that waits this long fails. */
const WAIT_MS = 15_000;

/** The lines of a program's output as they come, and a way to wait for one. */
export class Lines<T> {
  readonly seen: T[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(stream: ReadableStream<Uint8Array>, parse: (line: string) => T) {
    void this.#read(stream, parse);
  }

  /** The first line at or after position `from` that fits; waits for it. */
  async waitFor(what: string, fits: (line: T) => boolean, { from = 0, waitMs = WAIT_MS } = {}): Promise<T> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      const found = this.seen.slice(from).find(fits);
      if (found !== undefined) return found;
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(
          `waited for ${what} in vain; saw ${this.seen.map((line) => JSON.stringify(line)).join("\n")}`,
        );
      await this.#change(left);
    }
  }

  async #read(stream: ReadableStream<Uint8Array>, parse: (line: string) => T): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      this.seen.push(...lines.map(parse));
      for (const wake of this.#waiting) wake();
    }
  }

  async #change(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
    clearTimeout(timer);
  }
}

export type ServiceLine =
  | DhcpEvent
  | { readonly type: "ready"; readonly port: number; readonly pxePort: number }
  | { readonly type: "closed" }
  | {
      readonly type: "refused";
      readonly name: string;
      readonly message: string;
      readonly code?: string;
      readonly rival?: { readonly address: string; readonly mac?: string };
    };

export interface Service {
  readonly process: LabProcess;
  readonly events: Lines<ServiceLine>;
}

const BUN = process.execPath;

/** Starts our proxy or server; resolves when it serves or has refused to. `as` runs it through another program. */
export async function startService(
  lab: Lab,
  host: Host,
  settings: ServeSettings,
  as: readonly string[] = [],
): Promise<Service> {
  const script = join(import.meta.dir, "serve.ts");
  const child = lab.spawn(host, [...as, BUN, script, JSON.stringify(settings)]);
  const events = new Lines<ServiceLine>(child.stdout, (line) => JSON.parse(line));
  const errors = new Response(child.stderr).text();
  await Promise.race([
    events.waitFor("the service", ({ type }) => type === "ready" || type === "refused"),
    child.exited.then(async (code) => {
      if (events.seen.length === 0) throw new Error(`the service ended with ${code}: ${await errors}`);
    }),
  ]);
  return { process: child, events };
}

/**
 * A router's DHCP server: gives 10.9.0.100 to 10.9.0.150, and what more `flags` say; it pings no address before
 * it offers it unless told otherwise. Resolves when it serves.
 */
export async function startRouter(
  lab: Lab,
  host: Host,
  flags: readonly string[] = ["--no-ping"],
): Promise<Lines<string>> {
  const child = lab.spawn(host, [
    "dnsmasq",
    "--keep-in-foreground",
    "--log-facility=-",
    "--log-dhcp",
    "--conf-file=/dev/null",
    "--user=root",
    "--port=0",
    "--bind-interfaces",
    "--interface=eth0",
    "--except-interface=lo",
    "--dhcp-range=10.9.0.100,10.9.0.150,1h",
    "--dhcp-leasefile=/dev/null",
    "--dhcp-authoritative",
    ...flags,
  ]);
  const log = new Lines(child.stderr, (line) => line);
  await log.waitFor("the router", (line) => line.includes("DHCP, sockets bound exclusively"));
  return log;
}

export interface Datagram {
  readonly message: DhcpMessage;
  readonly from: { readonly address: string; readonly port: number };
}

type ClientLine = { type: "sent" } | { type: "datagram"; from: Datagram["from"]; hex: string };

export interface Client {
  /** The first reply that fits, waiting for it. */
  reply(what: string, fits?: (datagram: Datagram) => boolean): Promise<Datagram>;
}

/** Sends packets from a host that has an address, and listens for what comes back. */
export async function startClient(lab: Lab, host: Host, settings: ClientSettings): Promise<Client> {
  const child = lab.spawn(host, [BUN, join(import.meta.dir, "client.ts"), JSON.stringify(settings)]);
  const lines = new Lines<ClientLine>(child.stdout, (line) => JSON.parse(line));
  await lines.waitFor("the client's packets to leave", ({ type }) => type === "sent");
  const datagramOf = (line: ClientLine): Datagram | undefined =>
    line.type === "sent"
      ? undefined
      : { from: line.from, message: decodeMessage(Uint8Array.fromHex(line.hex)) };
  return {
    async reply(what, fits = () => true) {
      const line = await lines.waitFor(what, (candidate) => {
        const datagram = datagramOf(candidate);
        return datagram !== undefined && fits(datagram);
      });
      const datagram = datagramOf(line);
      if (datagram === undefined) throw new Error("not a datagram");
      return datagram;
    },
  };
}

/** Every UDP datagram of DHCP's ports that a host sends or hears, as tcpdump writes it down. */
export interface Capture {
  /** Ends it once `isLast` has been on the wire, and gives everything up to there. */
  stopAfter(isLast: (captured: Captured) => boolean): Promise<readonly Captured[]>;
}

export interface Captured {
  readonly source: { readonly address: string; readonly port: number };
  readonly target: { readonly address: string; readonly port: number };
  readonly message: DhcpMessage;
}

export async function startCapture(lab: Lab, host: Host, device = "eth0"): Promise<Capture> {
  const folder = await mkdtemp(join(tmpdir(), "dhcp-capture-"));
  const file = join(folder, "wire.pcap");
  const filter = "udp and (port 67 or port 68 or port 4011)";
  const command = ["tcpdump", "-i", device, "--immediate-mode", "-U", "-Z", "root", "-w", file, filter];
  const child = lab.spawn(host, command);
  const log = new Lines(child.stderr, (line) => line);
  await log.waitFor("the capture", (line) => line.includes("listening on"));
  return {
    async stopAfter(isLast) {
      const deadline = Date.now() + WAIT_MS;
      for (;;) {
        const captured = readCapture(await Bun.file(file).bytes());
        if (captured.some(isLast)) {
          child.kill("SIGINT");
          await child.exited;
          await rm(folder, { recursive: true });
          return captured;
        }
        if (Date.now() > deadline) throw new Error("the last packet never came into the capture");
        // tcpdump writes packet by packet, a little after the wire had them.
        await Bun.sleep(20);
      }
    },
  };
}

const PCAP_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;
const ETHERNET_HEADER_BYTES = 14;

function readCapture(bytes: Uint8Array): Captured[] {
  const found: Captured[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = PCAP_HEADER_BYTES;
  while (at + PACKET_HEADER_BYTES <= bytes.length) {
    const length = view.getUint32(at + 8, true);
    // A packet half written is read whole the next time.
    if (at + PACKET_HEADER_BYTES + length > bytes.length) break;
    const frame = bytes.subarray(at + PACKET_HEADER_BYTES, at + PACKET_HEADER_BYTES + length);
    at += PACKET_HEADER_BYTES + length;
    const datagram = decodeUdpPacket(frame.subarray(ETHERNET_HEADER_BYTES));
    if (datagram === undefined)
      throw new Error(`the capture holds a packet that is no datagram: ${frame.toHex()}`);
    const { source, target, payload } = datagram;
    found.push({ source, target, message: decodeMessage(payload) });
  }
  return found;
}

/** Adds an interface with a cable that leads nowhere. */
export function addLooseCable(host: Host, device: string, address: string): void {
  ip(host, "link", "add", device, "type", "veth", "peer", "name", `${device}-end`);
  ip(host, "link", "set", `${device}-end`, "up");
  ip(host, "link", "set", device, "up");
  ip(host, "addr", "add", address, "dev", device);
}

/** Runs `ip` on a host. */
export function ip(host: Host, ...words: string[]): void {
  const done = Bun.spawnSync(["ip", "-n", host.namespace, ...words]);
  if (done.exitCode !== 0) throw new Error(`ip ${words.join(" ")}: ${done.stderr.toString()}`);
}

/** What a client program wrote until it ended, and how it ended. */
export async function runToEnd(
  lab: Lab,
  host: Host,
  command: readonly string[],
): Promise<{ code: number; output: string }> {
  const child = lab.spawn(host, command);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, output: out + err };
}
