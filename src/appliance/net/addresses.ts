/** The machine's own IPv4 addresses at this moment. Never kept: interfaces come and go. */
import { networkInterfaces } from "node:os";

export interface LocalAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly internal: boolean;
}

/** Every IPv4 address; with `only`, those of these interfaces. */
export function localAddresses(only?: readonly string[]): readonly LocalAddress[] {
  const found: LocalAddress[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (only && only.length > 0 && !only.includes(name)) continue;
    for (const { family, address, cidr, internal } of addresses ?? []) {
      if (family !== "IPv4") continue;
      found.push({
        interface: name,
        address,
        prefixLength: Number(cidr?.split("/")[1] ?? 32),
        internal,
      });
    }
  }
  return found;
}

/** The address of ours in the same network as `remote`, the longest prefix first; undefined when none is. */
export function addressFacing(
  remote: string,
  addresses: readonly LocalAddress[] = localAddresses(),
): string | undefined {
  return addresses
    .filter((local) => inSameNetwork(remote, local))
    .toSorted((a, b) => b.prefixLength - a.prefixLength)[0]?.address;
}

/** The address that other machines most likely reach: the first that is not loopback, else loopback. */
export function outwardAddress(addresses: readonly LocalAddress[] = localAddresses()): string {
  return addresses.find(({ internal }) => !internal)?.address ?? "127.0.0.1";
}

/** True when `address` is one of ours. */
export function isLocalAddress(address: string, addresses = localAddresses()): boolean {
  return addresses.some((local) => local.address === address);
}

/** True when our address `local` belongs to one of the interfaces that are served; all are when none is named. */
export function isServed(local: string, interfaces: readonly string[]): boolean {
  return interfaces.length === 0 || isLocalAddress(plainAddress(local), localAddresses(interfaces));
}

/** "::ffff:10.0.0.1" as "10.0.0.1": a listener on both families tells IPv4 peers so. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

function inSameNetwork(remote: string, local: LocalAddress): boolean {
  const a = toNumber(remote);
  const b = toNumber(local.address);
  if (a === undefined || b === undefined) return false;
  const mask = local.prefixLength === 0 ? 0 : (0xffff_ffff << (32 - local.prefixLength)) >>> 0;
  return (a & mask) >>> 0 === (b & mask) >>> 0;
}

function toNumber(address: string): number | undefined {
  const octets = address.split(".").map(Number);
  if (octets.length !== 4 || octets.some((octet) => !Number.isInteger(octet) || octet < 0 || octet > 255))
    return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}
