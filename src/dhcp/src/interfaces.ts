/** A network interface with an IPv4 address: what the policy is told of where a message came in. */
export interface DhcpInterface {
  readonly name: string;
  /** The kernel's number; an interface that was removed and made again has another. */
  readonly index: number;
  /** Its first IPv4 address: the one the kernel sends broadcasts from. */
  readonly address: string;
  readonly netmask: string;
  /** `aa:bb:cc:dd:ee:ff` */
  readonly mac: string;
}

/** Whether nothing that a peer could notice has changed. */
export function sameInterface(a: DhcpInterface, b: DhcpInterface): boolean {
  return a.name === b.name && a.index === b.index && a.address === b.address && a.netmask === b.netmask;
}
