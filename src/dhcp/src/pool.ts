import { addressNumber, formatAddress, isInNetwork, networkOf, parseAddress } from "./address.ts";
import { DhcpConfigError } from "./errors.ts";
import type { DhcpInterface } from "./interfaces.ts";

/** Addresses that clients may be given, both ends included. */
export interface AddressRange {
  readonly first: string;
  readonly last: string;
}

/** A range is walked when an address is looked for; a /16 is more than any direct cable or bench needs. */
const MAX_RANGE = 65536;
/** How many addresses are given out when nobody named a range: far more than Pis on one cable. */
const DEFAULT_RANGE = 100;
/** A network of a /31 or /32 has no addresses for clients. */
const MIN_NETWORK = 4;

/** A range in numbers, known to lie inside its interface's network. */
export interface Pool {
  readonly first: number;
  readonly last: number;
  /** The server's own address, which no client gets. */
  readonly own: number;
}

/**
 * The pool of an interface: the range as given, or up to 100 addresses at the top of its network.
 * @throws DhcpConfigError when the range is no range, or lies outside the interface's network.
 */
export function poolFor(iface: DhcpInterface, range: AddressRange | undefined): Pool {
  const network = networkOf(iface.address, iface.netmask);
  const own = addressNumber(iface.address);
  if (network.last - network.first + 1 < MIN_NETWORK)
    throw new DhcpConfigError(`the network of ${iface.name} (${iface.netmask}) has no addresses for clients`);
  if (range === undefined) {
    const last = network.last - 1;
    return { first: Math.max(network.first + 1, last - DEFAULT_RANGE + 1), last, own };
  }
  const first = parseAddress(range.first);
  const last = parseAddress(range.last);
  if (first === undefined || last === undefined || first > last || last - first >= MAX_RANGE)
    throw new DhcpConfigError(
      `${range.first}-${range.last} is not a range of at most ${MAX_RANGE} addresses`,
    );
  // The network's first and last address are its own name and its broadcast address.
  const hosts = { first: network.first + 1, last: network.last - 1 };
  if (!isInNetwork(hosts, first) || !isInNetwork(hosts, last))
    throw new DhcpConfigError(
      `the range ${range.first}-${range.last} is outside the network of ${iface.name} (${iface.address}, ${iface.netmask})`,
    );
  return { first, last, own };
}

export function isInPool(pool: Pool, address: string): boolean {
  const value = parseAddress(address);
  return value !== undefined && isInNetwork(pool, value) && value !== pool.own;
}

/** Every address that a client may get, in ascending order. */
export function* poolAddresses(pool: Pool): Generator<string> {
  for (let value = pool.first; value <= pool.last; value++)
    if (value !== pool.own) yield formatAddress(value);
}
