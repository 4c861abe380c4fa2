/** Who else gives addresses or boot files on the wire. */
import type { RivalServer } from "dhcp4-ts";
import type { DhcpMode } from "../serve/dhcp.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** What was heard on one interface: the servers of others, never ourselves. */
export interface Heard {
  readonly interface: string;
  readonly servers: readonly RivalServer[];
}

/** In proxy mode exactly one router should give addresses; in server mode nobody else; and nobody else a boot file. */
export function checkDhcpServers(mode: DhcpMode, heard: readonly Heard[]): Finding[] {
  return heard.flatMap(({ interface: name, servers }) => {
    const routers = servers.filter(({ givesAddresses }) => givesAddresses);
    const rivals = servers.filter(({ givesBoot }) => givesBoot);
    return [...checkRouters(mode, name, routers), ...checkRivals(name, rivals)];
  });
}

function checkRouters(mode: DhcpMode, name: string, routers: readonly RivalServer[]): Finding[] {
  const who = addressesOf(routers);
  if (mode === "server" && routers.length > 0)
    return [
      problem(
        "router",
        `Another DHCP server (${who}) gives addresses on ${name} beside ours`,
        "Serve with --dhcp proxy, or take the other one off this cable.",
      ),
    ];
  if (mode === "server") return [ok("router", `Nobody else gives addresses on ${name}`)];
  if (routers.length === 0)
    return [
      problem(
        "router",
        `Nobody gives addresses on ${name}, and a proxy gives none`,
        `Connect a router, or give them from here: serve --dhcp server --interface ${name}`,
      ),
    ];
  if (routers.length > 1)
    return [
      warning(
        "router",
        `Several DHCP servers give addresses on ${name}: ${who}`,
        "Switch all but one off: a Pi takes whichever answers first.",
      ),
    ];
  return [ok("router", `${who} gives addresses on ${name}`)];
}

function checkRivals(name: string, rivals: readonly RivalServer[]): Finding[] {
  if (rivals.length === 0) return [];
  return [
    warning(
      "pxe",
      `${addressesOf(rivals)} offers boot files on ${name} too`,
      "A Pi may take its answer and stop there. Switch network boot off on it while the Pis start.",
    ),
  ];
}

function addressesOf(servers: readonly RivalServer[]): string {
  return servers.map(({ address }) => address).join(", ");
}
