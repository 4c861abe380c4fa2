/** IPv4 and hardware addresses: dotted and coloned text outside, numbers where we calculate. */

export const NO_ADDRESS = "0.0.0.0";
export const LIMITED_BROADCAST = "255.255.255.255";

/** The 32-bit number of a dotted quad, or undefined when the text is not one. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

/** Like `parseAddress`, for text that is known to be an address: throws a RangeError when it is not. */
export function addressNumber(text: string): number {
  const value = parseAddress(text);
  if (value === undefined) throw new RangeError(`not an IPv4 address: ${JSON.stringify(text)}`);
  return value;
}

/** The dotted quad of a 32-bit number. */
export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join(".");
}

/** A network as numbers: `first` is its own address, `last` its broadcast address. */
export interface Network {
  readonly first: number;
  readonly last: number;
}

/** The network that an interface's address and mask name. */
export function networkOf(address: string, netmask: string): Network {
  const mask = addressNumber(netmask);
  const first = (addressNumber(address) & mask) >>> 0;
  return { first, last: (first | ~mask) >>> 0 };
}

export function isInNetwork(network: Network, address: number): boolean {
  return address >= network.first && address <= network.last;
}

/** Whether the address can name one receiver: not this-network, multicast, reserved or broadcast (RFC 6890). */
export function isUnicast(text: string): boolean {
  const value = parseAddress(text);
  if (value === undefined) return false;
  const first = value >>> 24;
  return first !== 0 && first < 224;
}

/** Whether a host on a wire can have the address: unicast, and not loopback. */
export function isHostAddress(text: string): boolean {
  return isUnicast(text) && !text.startsWith("127.");
}

/** Hardware address as `aa:bb:cc:dd:ee:ff`, whatever its length. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
