/** The network as this computer sees it, without asking anybody: interfaces, what listens where. */
import type { Serving } from "../serve/serving.ts";
import type { ServedPort } from "./firewall.ts";
import { type Link, readLinks } from "./links.ts";

export interface SeenInterface {
  readonly link: Link;
  /** What Pis send there is answered. */
  readonly served: boolean;
}

/** Every interface but loopback, and whether it is served. */
export function seenInterfaces(serving: Serving | undefined): readonly SeenInterface[] {
  const chosen = serving?.interfaces ?? [];
  const isServed = ({ name, addresses }: Link): boolean =>
    serving !== undefined && addresses.length > 0 && (chosen.length === 0 || chosen.includes(name));
  return readLinks().map((link) => ({ link, served: isServed(link) }));
}

/** What `serve` takes when nothing else is said. */
const STANDARD_PORTS: readonly ServedPort[] = [
  { service: "DHCP", protocol: "udp", port: 67 },
  { service: "PXE", protocol: "udp", port: 4011 },
  { service: "TFTP", protocol: "udp", port: 69 },
  { service: "iSCSI", protocol: "tcp", port: 3260 },
  { service: "the boot endpoint", protocol: "tcp", port: 8069 },
];

/** The ports that Pis knock at, as they are served now; without a server those that one would take. */
export function servedPorts(serving: Serving | undefined): readonly ServedPort[] {
  if (!serving) return STANDARD_PORTS;
  const { dhcp, tftp, iscsi, report } = serving;
  const ports: ServedPort[] = [];
  const add = (service: string, protocol: "tcp" | "udp", port: number | undefined): void => {
    if (port !== undefined) ports.push({ service, protocol, port });
  };
  add("DHCP", "udp", dhcp.mode === "off" ? undefined : dhcp.port);
  add("PXE", "udp", dhcp.mode === "off" ? undefined : dhcp.pxePort);
  add("TFTP", "udp", tftp?.port);
  add("iSCSI", "tcp", iscsi?.port);
  add("the boot endpoint", "tcp", report?.port);
  return ports;
}
