/** Looks at everything that commonly keeps a Pi from coming up, and says what to do. */
import { detectDhcpServers } from "dhcp4-ts";
import type { Appliance } from "../appliance.ts";
import { wordsOf } from "../errors.ts";
import { localAddresses } from "../net/addresses.ts";
import type { Serving } from "../serve/serving.ts";
import { hostSpace } from "../storage/host-space.ts";
import { checkDhcpServers, type Heard } from "./dhcp-servers.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";
import { checkFirewall, readFirewall } from "./firewall.ts";
import { checkClock, checkPower, checkSpace, readBattery } from "./host.ts";
import { checkIgnored } from "./ignored.ts";
import { checkLinks, type Link, readLinks } from "./links.ts";
import { servedPorts } from "./network.ts";
import { checkSilentPis, readNeighbours } from "./silent-pis.ts";

/** dnsmasq pings an address for up to 3 s before it offers it. */
const LISTEN_MS = 5_000;
/** Each takes a socket and seconds; a computer with more real interfaces is a switch. */
const INTERFACES_MAX = 8;

/** Takes some seconds, for other servers are asked on the wire. `serving` is undefined without a server. */
export async function examine(
  appliance: Appliance,
  serving: Serving | undefined,
): Promise<readonly Finding[]> {
  const links = readLinks();
  const served = serving?.interfaces ?? [];
  const mode = serving?.dhcp.mode ?? "proxy";
  const [heard, firewall, space] = await Promise.all([
    mode === "off" ? { findings: [], heard: [] } : listen(links, served),
    readFirewall(),
    hostSpace(appliance.dataFolder),
  ]);
  const known = new Set(appliance.registry.all().flatMap(({ mac }) => (mac === null ? [] : [mac])));
  return [
    ...checkServing(serving),
    ...checkLinks(links, served),
    ...heard.findings,
    ...checkDhcpServers(mode, heard.heard),
    // Started with sudo, the server looked while it still could.
    ...checkFirewall(
      firewall === "closed" ? (serving?.firewall ?? firewall) : firewall,
      servedPorts(serving),
    ),
    ...checkIgnored(appliance.unanswered.all(), Date.now()),
    ...checkSilentPis(readNeighbours(), known),
    checkClock(Date.now()),
    checkSpace(appliance.dataFolder, space),
    ...checkPower(readBattery()),
  ];
}

function checkServing(serving: Serving | undefined): Finding[] {
  if (!serving)
    return [warning("server", "No server runs on this data folder", "Start one: sudo pinetboot serve")];
  const problems = serving.problems.map(({ message, fix }) =>
    problem("server", message, fix ?? "See the log."),
  );
  const shim = serving.shim();
  if (shim.state === "missing")
    problems.push(problem("shim", "There is no boot shim, so Pis cannot boot", "pinetboot shim build"));
  if (shim.state === "building")
    problems.push(
      warning("shim", "The boot shim is being built; Pis come up when it is there", "Wait for it."),
    );
  return problems.length > 0 ? problems : [ok("server", "Every service listens")];
}

/** Asks on each real interface that is served who gives addresses or boot files. */
async function listen(
  links: readonly Link[],
  served: readonly string[],
): Promise<{ findings: readonly Finding[]; heard: readonly Heard[] }> {
  const own = new Set(localAddresses().map(({ address }) => address));
  const asked = links
    .filter(({ kind, carrier, addresses }) => kind !== "virtual" && carrier && addresses.length > 0)
    .filter(({ name }) => served.length === 0 || served.includes(name))
    .slice(0, INTERFACES_MAX);
  const findings: Finding[] = [];
  const heard = await Promise.all(
    asked.map(async ({ name }): Promise<Heard[]> => {
      try {
        const servers = await detectDhcpServers({ interface: name, pxe: true, timeoutMs: LISTEN_MS });
        return [{ interface: name, servers: servers.filter(({ address }) => !own.has(address)) }];
      } catch (error) {
        findings.push(
          warning(
            "router",
            `Other DHCP servers on ${name} could not be looked for: ${wordsOf(error)}`,
            "Run it with sudo: sudo pinetboot doctor",
          ),
        );
        return [];
      }
    }),
  );
  return { findings, heard: heard.flat() };
}
