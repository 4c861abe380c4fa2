import { bindToDevice, errnoError, openLibc } from "./libc.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** struct sockaddr_in: family (native order), port, address (both big-endian), padding. */
const ADDRESS_BYTES = 16;

/**
 * Makes sure that no other program of this computer serves the port on the interface: our own sockets share theirs,
 * so that several interfaces can be served, and would not notice. A socket tied to another interface does not count.
 * @throws DhcpSocketError `EADDRINUSE`, or `EACCES` when the port needs more rights.
 */
export function requireFreePort(iface: string, port: number): void {
  const libc = openLibc(iface);
  const where = { interface: iface, port };
  const descriptor = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw errnoError(where, "no socket");
  try {
    bindToDevice(descriptor, iface);
    const address = new Uint8Array(ADDRESS_BYTES);
    address.set(new Uint8Array(Uint16Array.of(AF_INET).buffer));
    new DataView(address.buffer).setUint16(2, port);
    if (libc.bind(descriptor, address, address.length) !== 0)
      throw errnoError(where, "the port cannot be had alone");
  } finally {
    libc.close(descriptor);
  }
}
