/**
 * A small network of the test's own: hosts are network namespaces, wires are veth pairs on one bridge,
 * and the bridge lives in a namespace too, so that nothing of it is seen by the machine.
 *
 *   [host "server"] eth0 ---- veth ----+
 *   [host "pi1"]    eth0 ---- veth ----+-- br0 in [switch namespace]
 *   QEMU            tap ---------------+
 *
 * `addRelay` puts a second bridge behind a bad cable: hosts and taps are plugged into it by `segment`.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { RelayConditions } from "./relay.ts";

let labs = 0;

export interface Host {
  /** Name of the network namespace. */
  readonly namespace: string;
  /** Prefix for a command that must run on this host. */
  readonly run: readonly string[];
}

/** The bridge that everything is plugged into that does not say otherwise. */
const NEAR = "br0";

export interface WireOptions {
  /** CIDR. */
  readonly address?: string;
  readonly mac?: string;
  /** The bridge to plug into: a result of `addRelay`. */
  readonly segment?: string;
}

export class Lab {
  readonly #prefix: string;
  readonly #switch: string;
  readonly #namespaces: string[] = [];
  readonly #processes: Bun.Subprocess[] = [];
  #ports = 0;
  #segments = 0;

  /** Makes the switch. `dispose` must be called at the end, also after a failure. */
  constructor(label: string) {
    this.#prefix = `pnb-${process.pid}-${labs++}-${label}`;
    this.#switch = this.#addNamespace("sw");
    this.#addBridge();
  }

  /** Adds a host with one wired interface `eth0`; `address` is CIDR, or none for a host that must ask for one. */
  addHost(name: string, options: WireOptions & { connected?: boolean } = {}): Host {
    const namespace = this.#addNamespace(name);
    if (options.connected !== false) this.addWire({ namespace }, "eth0", options);
    return { namespace, run: ["ip", "netns", "exec", namespace] };
  }

  /** Adds one more wired interface to a host. */
  addWire(host: Pick<Host, "namespace">, device: string, options: WireOptions = {}): void {
    const port = `p${this.#ports++}`;
    ip(
      "-n",
      this.#switch,
      "link",
      "add",
      port,
      "type",
      "veth",
      "peer",
      "name",
      device,
      "netns",
      host.namespace,
    );
    if (options.mac) ip("-n", host.namespace, "link", "set", device, "address", options.mac);
    ip("-n", this.#switch, "link", "set", port, "master", options.segment ?? NEAR, "up");
    ip("-n", host.namespace, "link", "set", device, "up");
    if (options.address) ip("-n", host.namespace, "addr", "add", options.address, "dev", device);
  }

  /** Pulls or plugs the cable of a host's interface. */
  setLink(host: Pick<Host, "namespace">, device: string, state: "up" | "down"): void {
    ip("-n", host.namespace, "link", "set", device, state);
  }

  /** Adds a tap for a virtual machine and returns its name; the machine must be started with `switchRun`. */
  addTap(segment = NEAR): string {
    const tap = `t${this.#ports++}`;
    ip("-n", this.#switch, "tuntap", "add", tap, "mode", "tap");
    ip("-n", this.#switch, "link", "set", tap, "master", segment, "up");
    return tap;
  }

  /**
   * Adds a bridge behind a bad cable and returns the name of that segment. `there` is the way from the first
   * bridge to it. Frames pass when the promise resolves.
   */
  async addRelay(conditions: RelayConditions): Promise<string> {
    const segment = this.#addBridge();
    const taps = [this.addTap(), this.addTap(segment)];
    const program = [process.execPath, join(import.meta.dir, "relay.ts")];
    const relay = this.spawn({ run: this.switchRun }, [...program, ...taps, JSON.stringify(conditions)]);
    const { value } = await relay.stdout.getReader().read();
    if (!value) throw new Error(`the relay did not start: ${await new Response(relay.stderr).text()}`);
    return segment;
  }

  /** Prefix for a command that must see the switch's own devices (taps, br0). */
  get switchRun(): readonly string[] {
    return ["ip", "netns", "exec", this.#switch];
  }

  /** Starts a program on a host; it is killed at the end of the lab when it is still there. */
  spawn(host: Pick<Host, "run">, command: readonly string[], options: SpawnOptions = {}): LabProcess {
    const child = Bun.spawn([...host.run, ...command], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      ...options,
    });
    this.#processes.push(child);
    return child;
  }

  /** Kills what was started and removes every namespace. */
  async dispose(): Promise<void> {
    for (const child of this.#processes) child.kill("SIGKILL");
    await Promise.all(this.#processes.map((child) => child.exited));
    for (const namespace of this.#namespaces.toReversed()) ip("netns", "del", namespace);
  }

  #addBridge(): string {
    const bridge = `br${this.#segments++}`;
    const options = ["stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"];
    ip("-n", this.#switch, "link", "add", bridge, "type", "bridge", ...options);
    ip("-n", this.#switch, "link", "set", bridge, "up");
    return bridge;
  }

  #addNamespace(name: string): string {
    const namespace = `${this.#prefix}-${name}`;
    ip("netns", "add", namespace);
    this.#namespaces.push(namespace);
    ip("-n", namespace, "link", "set", "lo", "up");
    return namespace;
  }
}

export interface SpawnOptions {
  readonly env?: Record<string, string | undefined>;
  readonly cwd?: string;
}

export type LabProcess = Bun.Subprocess<"ignore", "pipe", "pipe">;

function ip(...words: string[]): void {
  const done = spawnSync("ip", words, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`ip ${words.join(" ")}: ${done.stderr || done.error?.message}`);
}
