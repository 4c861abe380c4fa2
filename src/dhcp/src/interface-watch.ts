/** Which interfaces there are, now and from now on. */
import { networkInterfaces } from "node:os";
import { type DhcpInterface, sameInterface } from "./interfaces.ts";
import { interfaceIndex } from "./libc.ts";

/** A cable is plugged in long before a Pi asks (it needs seconds to bring its link up): a look a second is enough. */
export const WATCH_INTERVAL_MS = 1000;

export interface InterfaceFilter {
  /** Only these; every one when absent. */
  readonly names?: readonly string[] | undefined;
  /** Whether loopback interfaces count although nobody named them. */
  readonly loopback?: boolean | undefined;
}

/** The interfaces that are up and have an IPv4 address, by name. */
export function listInterfaces(filter: InterfaceFilter): Map<string, DhcpInterface> {
  const found = new Map<string, DhcpInterface>();
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const first = addresses?.find((address) => address.family === "IPv4");
    if (first === undefined || !isWanted(filter, name, first.internal)) continue;
    const index = interfaceIndex(name);
    // It may vanish between the two calls.
    if (index === undefined) continue;
    found.set(name, { name, index, address: first.address, netmask: first.netmask, mac: first.mac });
  }
  return found;
}

function isWanted(filter: InterfaceFilter, name: string, internal: boolean): boolean {
  if (filter.names !== undefined) return filter.names.includes(name);
  return !internal || filter.loopback === true;
}

/** What a look at the interfaces finds new. A changed one is in `gone` as it was and in `come` as it is. */
export interface InterfaceChanges {
  readonly gone: readonly DhcpInterface[];
  readonly come: readonly DhcpInterface[];
}

/** Compares what is served with what is there. */
export function compareInterfaces(
  before: ReadonlyMap<string, DhcpInterface>,
  now: ReadonlyMap<string, DhcpInterface>,
): InterfaceChanges {
  return {
    gone: [...before.values()].filter((iface) => isMissingIn(now, iface)),
    come: [...now.values()].filter((iface) => isMissingIn(before, iface)),
  };
}

function isMissingIn(map: ReadonlyMap<string, DhcpInterface>, iface: DhcpInterface): boolean {
  const other = map.get(iface.name);
  return other === undefined || !sameInterface(iface, other);
}
