/** The computer's interfaces: is there a cable, and does anybody look at the wrong one? */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../errors.ts";
import { localAddresses } from "../net/addresses.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

export interface Link {
  readonly name: string;
  readonly kind: "wired" | "wireless" | "virtual";
  /** A cable with somebody at its other end, or an association. */
  readonly carrier: boolean;
  /** IPv4 addresses. */
  readonly addresses: readonly string[];
}

const CLASS = "/sys/class/net";
/** Interfaces that programs make: what is behind them is no network with Pis in it. */
const VIRTUAL_NAMES =
  /^(docker|br-|veth|virbr|vmnet|vboxnet|tun|tap|wg|tailscale|zt|utun|lxc|cni|flannel|ifb|dummy)/;

/** The kernel's own word for such, whatever they are called. */
const VIRTUAL_TYPES = /^DEVTYPE=(wireguard|ppp|wwan|vxlan|macvlan|ipvlan)$/m;

/** Every interface but loopback, as the system shows it. On systems without /sys, those with addresses. */
export function readLinks(): readonly Link[] {
  const addresses = localAddresses();
  const of = (name: string): string[] =>
    addresses.filter((one) => one.interface === name).map(({ address }) => address);
  if (!existsSync(CLASS))
    return [...new Set(addresses.filter(({ internal }) => !internal).map((one) => one.interface))].map(
      (name) => ({ name, kind: kindByName(name), carrier: true, addresses: of(name) }),
    );
  return readdirSync(CLASS)
    .filter((name) => name !== "lo")
    .map((name) => ({ name, kind: kindOf(name), carrier: hasCarrier(name), addresses: of(name) }));
}

/** `served` are the names that `serve` was given; none for every interface. */
export function checkLinks(links: readonly Link[], served: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  for (const name of served.filter((one) => one !== "lo")) {
    const link = links.find((one) => one.name === name);
    if (!link)
      findings.push(problem("interface", `There is no interface ${name}`, `One of: ${namesOf(links)}`));
    else if (link.kind === "virtual")
      findings.push(
        warning(
          "interface",
          `${name} is made by a program (a bridge, a VPN or a container): Pis are hardly behind it`,
          `Serve the interface that the Pis are on: --interface NAME, one of ${namesOf(links.filter(isReal))}`,
        ),
      );
  }
  const real = links.filter((link) => isReal(link) && (served.length === 0 || served.includes(link.name)));
  const connected = real.filter(({ carrier }) => carrier);
  if (real.length > 0 && connected.length === 0)
    findings.push(
      problem(
        "link",
        `No link on ${namesOf(real)}`,
        `Plug the cable in at both ends, or switch the other side on.${elsewhere(links, served)}`,
      ),
    );
  else if (connected.length > 0 && connected.every(({ kind }) => kind === "wireless"))
    findings.push(
      warning(
        "link",
        `Only WiFi is connected (${namesOf(connected)}); the firmware of a Pi asks on its cable alone`,
        "Join the wired network that the Pis are on, or one that the access point passes broadcasts to.",
      ),
    );
  else if (connected.length > 0) findings.push(ok("link", `Link on ${namesOf(connected)}`));
  for (const { name, carrier, addresses } of real)
    if (carrier && addresses.length === 0)
      findings.push(
        problem(
          "address",
          `${name} has a link but no IPv4 address, so nothing is served on it`,
          `On a direct cable give it one: sudo ip addr add 10.77.0.1/24 dev ${name}, and serve with --dhcp server`,
        ),
      );
  return findings;
}

/** Where a link is that is not served, for the person who plugged the cable in beside. */
function elsewhere(links: readonly Link[], served: readonly string[]): string {
  const others = links.filter((link) => isReal(link) && link.carrier && !served.includes(link.name));
  return served.length === 0 || others.length === 0
    ? ""
    : ` ${namesOf(others)} has a link: serve it with --interface ${others[0]?.name}.`;
}

const isReal = ({ kind }: Link): boolean => kind !== "virtual";
const namesOf = (links: readonly Link[]): string => links.map(({ name }) => name).join(", ") || "none";

function kindOf(name: string): Link["kind"] {
  const folder = join(CLASS, name);
  if (existsSync(join(folder, "wireless"))) return "wireless";
  // VPNs and virtual machines have taps by any name.
  if (existsSync(join(folder, "tun_flags")) || VIRTUAL_TYPES.test(read(join(folder, "uevent"))))
    return "virtual";
  const members = join(folder, "brif");
  if (existsSync(members) && !readdirSync(members).some((member) => kindOf(member) === "wired"))
    return "virtual";
  return kindByName(name);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // It went away while we looked.
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}

function kindByName(name: string): Link["kind"] {
  return VIRTUAL_NAMES.test(name) ? "virtual" : "wired";
}

function hasCarrier(name: string): boolean {
  try {
    return readFileSync(join(CLASS, name, "carrier"), "utf8").trim() === "1";
  } catch {
    // The kernel answers EINVAL for an interface that is down.
    return false;
  }
}
