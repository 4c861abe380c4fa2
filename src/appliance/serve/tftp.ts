/** The virtual tree of each Pi over TFTP: nothing of it is on disk, and no name reaches outside it. */
import { createTftpServer, TftpError, type TftpEvent, type TftpRequest, type TftpServer } from "tftp-ts";
import {
  type BootTree,
  bootTree,
  type BootTreeOptions,
  hasKernel,
  type ShimBundle,
} from "../../shim/index.ts";
import { renderCmdline } from "../boot/cmdline.ts";
import type { BootNames } from "../customise/names.ts";
import type { Directed, Director } from "../boot/director.ts";
import { parseRequestedFile, type RequestedFile } from "../boot/file-names.ts";
import type { EepromService } from "../eeprom/service.ts";
import type { EventLog } from "../events.ts";
import { neighbourMac } from "../net/neighbours.ts";
import type { PiRegistry } from "../pis/registry.ts";
import { formatSize } from "../sizes.ts";

export interface TftpOptions {
  readonly addresses: () => readonly string[];
  readonly port: number;
  readonly director: Director;
  readonly pis: PiRegistry;
  readonly events: EventLog;
  /** Updates that are offered to the bootloaders of Pis. */
  readonly eeprom: Pick<EepromService, "file" | "sent">;
  readonly shim: () => ShimBundle | undefined;
  /** The address that a client without a name has by our own leases. */
  readonly leaseMac: (address: string) => string | undefined;
  readonly reportPort: () => number;
  /** What the kernel of that Pi is told of its names, when it boots that image (by its id). */
  readonly names: (pi: string, image: string | undefined) => BootNames | undefined;
}

/** Trees kept: one per Pi and address of ours; each holds little but its command line. */
const TREES_MAX = 512;
/** A smaller file is there before a person has read of it. */
const PROGRESS_FROM_BYTES = 2 ** 20;
/** The last big file that a firmware asks for: with it the Pi has all that it needs to start the shim. */
const KERNEL = "Image.gz";

/** Listens; rejects with the system's error when it cannot. */
export function startTftp(options: TftpOptions): Promise<TftpServer> {
  const trees = new TreeCache(options);
  return createTftpServer({
    addresses: options.addresses,
    port: options.port,
    open(request) {
      const file = parseRequestedFile(request.path);
      const { pi, plan } = identify(options, file, request.client.address);
      // What a person has offered to this Pi by name holds whatever else it is given.
      const update = pi && options.eeprom.file(pi.key, file.path);
      if (update) return update;
      if (pi && plan.kind === "ignore") return new TftpError("access-violation", plan.reason);
      const assignment = plan.kind === "boot" ? plan.assignment : undefined;
      const names = pi && options.names(pi.key, assignment?.image);
      const tree = trees.for(request.localAddress, names, {
        variant: options.director.shimVariant(pi),
        usbDevice: assignment?.mode === "usb",
      });
      if (!tree) return new TftpError("not-defined", "the boot shim is not there yet");
      return tree.get(file.path) ?? new TftpError("file-not-found", "no such file");
    },
    onEvent: (event) => tell(options, event),
  });
}

/** Who asks: by the prefix of the name, else by its address. A machine that is neither known gets the common tree. */
function identify(
  { director, pis, leaseMac }: Pick<TftpOptions, "director" | "pis" | "leaseMac">,
  { prefix }: RequestedFile,
  address: string,
): Directed {
  const mac = () => leaseMac(address) ?? neighbourMac(address);
  switch (prefix.kind) {
    case "serial":
      return director.direct({ serial: prefix.key, address, mac: mac() });
    case "mac":
      return director.direct({ mac: prefix.mac, address });
    case "none": {
      const seen = mac();
      const pi = (seen === undefined ? undefined : pis.byMac(seen)) ?? pis.byAddress(address);
      return { pi, plan: director.plan(pi, address) };
    }
  }
}

/** Trees by their rendered command line, their variant and what their config.txt is for: they differ in nothing else. */
class TreeCache {
  readonly #options: Pick<TftpOptions, "shim" | "reportPort">;
  readonly #trees = new Map<string, BootTree>();
  #bundle: ShimBundle | undefined;

  constructor(options: Pick<TftpOptions, "shim" | "reportPort">) {
    this.#options = options;
  }

  for(
    serverAddress: string,
    names: BootNames | undefined,
    { variant, usbDevice }: Pick<BootTreeOptions, "variant" | "usbDevice">,
  ): BootTree | undefined {
    const bundle = this.#options.shim();
    if (bundle !== this.#bundle || this.#trees.size > TREES_MAX) this.#trees.clear();
    this.#bundle = bundle;
    // The one of a build that goes on has no kernel for WiFi yet.
    if (!bundle || !hasKernel(bundle, variant)) return undefined;
    const cmdline = renderCmdline({ serverAddress, reportPort: this.#options.reportPort(), names });
    const key = `${variant} ${usbDevice} ${cmdline}`;
    const tree = this.#trees.get(key) ?? bootTree(bundle, { cmdline, variant, usbDevice });
    this.#trees.set(key, tree);
    return tree;
  }
}

function piOf(options: TftpOptions, { path, client }: Pick<TftpRequest, "path" | "client">): string | null {
  return identify(options, parseRequestedFile(path), client.address).pi?.key ?? null;
}

/** Files that are not there are asked for by the dozen and mean nothing: they are no events. */
function tell(options: TftpOptions, event: TftpEvent): void {
  const { events } = options;
  switch (event.kind) {
    case "done": {
      const { path } = parseRequestedFile(event.path);
      const pi = piOf(options, event);
      if (pi !== null) options.eeprom.sent(pi, path);
      const state = path === KERNEL ? "ok" : "progress";
      const detail = `${path}, ${formatSize(event.bytes)} in ${Math.round(event.ms)} ms`;
      events.emit({ pi, stage: "tftp", state, detail });
      return;
    }
    case "progress": {
      if ((event.sizeBytes ?? 0) < PROGRESS_FROM_BYTES || event.sentBytes === 0) return;
      const { path } = parseRequestedFile(event.path);
      const fraction = event.sentBytes / (event.sizeBytes ?? event.sentBytes);
      events.emit({
        pi: piOf(options, event),
        stage: "tftp",
        state: "progress",
        detail: `${path} ${Math.floor(100 * fraction)} %`,
        fraction,
      });
      return;
    }
    case "error": {
      if (event.by !== "silence") return;
      const { path } = parseRequestedFile(event.path);
      const detail = `${path}: ${event.client.address} fell silent after ${formatSize(event.sentBytes)}`;
      events.emit({
        pi: piOf(options, event),
        stage: "tftp",
        state: "fail",
        detail,
        fix: "Look at the cable and the switch; the Pi asks again by itself.",
      });
      return;
    }
    case "listener-error":
      events.emit({
        stage: "server",
        state: "fail",
        detail: `TFTP cannot listen on ${event.address}: ${event.message}`,
      });
      return;
    case "request":
    case "early-terminate":
    case "superseded":
    case "refused":
    case "listening":
      return;
  }
}
