/** `pinetboot serve` */
import { resolve } from "node:path";
import { buildCommand } from "@stricli/core";
import {
  ADOPT_POLICIES,
  type AdoptPolicy,
  BOOT_MODES,
  type BootMode,
  defaultCacheFolder,
  DHCP_MODES,
  type DhcpMode,
  SHIM_VARIANTS,
  type ShimVariant,
} from "../../appliance/index.ts";
import { addressRange, dataFlag, dataFolderOf, hostAndPort, MODE_BRIEF, port, text } from "../flags.ts";
import { LOG_FORMATS, type LogFormat } from "../logging.ts";
import { runServer } from "../run-server.ts";
import { selfCommand } from "../self.ts";

interface ServeFlags {
  readonly data?: string;
  readonly cache?: string;
  readonly interface?: readonly string[];
  readonly dhcp: DhcpMode;
  readonly "dhcp-range"?: { first: string; last: string };
  readonly "dhcp-port": number;
  readonly "pxe-port": number;
  readonly tftp: "on" | "off";
  readonly "tftp-port": number;
  readonly "iscsi-port": number;
  readonly "report-port": number;
  readonly "netconsole-port"?: number;
  readonly http: { hostname: string; port: number };
  readonly adopt?: AdoptPolicy;
  readonly image?: string;
  readonly mode: BootMode;
  readonly variant: ShimVariant;
  readonly log: LogFormat;
  readonly "no-shim-build": boolean;
}

const portFlag = (brief: string, standard: number) =>
  ({ kind: "parsed", parse: port, brief, placeholder: "port", default: String(standard) }) as const;

export const serveCommand = buildCommand({
  docs: {
    brief: "Serve: boot Raspberry Pis and give disks",
    fullDescription:
      "Runs until it is interrupted. Ports 67 and 69 need a right: start it with sudo, or give it to the program once\n" +
      "(sudo setcap 'cap_net_bind_service,cap_net_raw=+ep' pinetboot). Port 0 means any.\n\n" +
      "Examples:\n" +
      "  sudo pinetboot serve                                        beside a router\n" +
      "  sudo pinetboot serve --dhcp server --interface eth0         on a cable of its own\n" +
      "  pinetboot serve --dhcp off --tftp off                       disks alone, for any initiator",
  },
  parameters: {
    flags: {
      data: dataFlag,
      cache: {
        kind: "parsed",
        parse: (word: string) => resolve(word),
        brief: "Cache folder (default: $XDG_CACHE_HOME/pinetboot)",
        placeholder: "dir",
        optional: true,
      },
      interface: {
        kind: "parsed",
        parse: text,
        brief: "Serve these interfaces alone (default: every one, also those that appear later)",
        placeholder: "name",
        optional: true,
        variadic: true,
      },
      dhcp: {
        kind: "enum",
        values: DHCP_MODES,
        brief: "proxy: beside a router, for Pis alone; server: gives addresses to all",
        default: "proxy",
      },
      "dhcp-range": {
        kind: "parsed",
        parse: addressRange,
        brief: "Addresses that the DHCP server gives (default: from the interface's network)",
        placeholder: "first-last",
        optional: true,
      },
      "dhcp-port": portFlag("UDP port of DHCP", 67),
      "pxe-port": portFlag("UDP port of PXE", 4011),
      tftp: { kind: "enum", values: ["on", "off"], brief: "Serve the boot files", default: "on" },
      "tftp-port": portFlag("UDP port of TFTP", 69),
      "iscsi-port": portFlag("TCP port of iSCSI", 3260),
      "report-port": portFlag("TCP port that the boot shim speaks to", 8069),
      "netconsole-port": {
        kind: "parsed",
        parse: port,
        brief:
          "UDP port for the logs of firmwares and kernels (default: 6666, once a Pi is told to send its own)",
        placeholder: "port",
        optional: true,
      },
      http: {
        kind: "parsed",
        parse: hostAndPort,
        brief: "Address of the API",
        placeholder: "address",
        default: "127.0.0.1:8080",
      },
      adopt: {
        kind: "enum",
        values: ADOPT_POLICIES,
        brief:
          "An unknown Pi waits for a choice, gets --image, or is ignored (default: ask; with --dhcp server: default)",
        optional: true,
      },
      image: {
        kind: "parsed",
        parse: text,
        brief: "Image for --adopt default (default: the only one in the library)",
        placeholder: "image",
        optional: true,
      },
      mode: { kind: "enum", values: BOOT_MODES, brief: MODE_BRIEF, default: "pivot" },
      variant: { kind: "enum", values: SHIM_VARIANTS, brief: "Which shim", default: "ethernet" },
      log: { kind: "enum", values: LOG_FORMATS, brief: "What is printed", default: "pretty" },
      "no-shim-build": {
        kind: "boolean",
        brief: "Do not build the boot shim when there is none",
        default: false,
        withNegated: false,
      },
    },
  },
  async func(flags: ServeFlags) {
    await runServer({
      dataFolder: dataFolderOf(flags),
      http: flags.http,
      log: flags.log,
      serve: {
        interfaces: flags.interface ?? [],
        dhcp: {
          mode: flags.dhcp,
          range: flags["dhcp-range"],
          port: flags["dhcp-port"],
          pxePort: flags["pxe-port"],
        },
        tftpPort: flags.tftp === "on" ? flags["tftp-port"] : undefined,
        iscsiPort: flags["iscsi-port"],
        reportPort: flags["report-port"],
        netconsolePort: flags["netconsole-port"],
        policy: {
          adopt: flags.adopt ?? (flags.dhcp === "server" ? "default" : "ask"),
          image: flags.image,
          mode: flags.mode,
          variant: flags.variant,
        },
        cacheFolder: flags.cache ?? defaultCacheFolder(),
        shimBuildCommand: !flags["no-shim-build"]
          ? [
              ...selfCommand,
              "shim",
              "build",
              "--progress",
              "json",
              ...(flags.cache === undefined ? [] : ["--cache", flags.cache]),
            ]
          : undefined,
      },
    });
  },
});
