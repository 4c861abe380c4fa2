/** A portal as TargetAddress names it: IPv6 in brackets, and IPv4 as itself even on a socket of both families. */
export function portalOf(address: string, port: number): string {
  const plain = plainAddress(address);
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}

export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
