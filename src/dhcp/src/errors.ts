/** Why bytes are not a DHCP message; stable, so that a caller may count or translate them. */
export type DecodeReason =
  | "too-short"
  | "too-long"
  | "bad-op"
  | "bad-hardware-address"
  | "bad-cookie"
  | "option-truncated"
  | "no-end-option"
  | "bad-overload"
  | "bad-option-value";

/** Bytes from the network are not a DHCP message. The receiver drops them and goes on. */
export class DhcpDecodeError extends Error {
  override readonly name = "DhcpDecodeError";
  readonly reason: DecodeReason;

  constructor(reason: DecodeReason, detail: string) {
    super(`${reason}: ${detail}`);
    this.reason = reason;
  }
}

/** A message of ours cannot be put on the wire: a fault of the caller's values, never of a peer's. */
export class DhcpEncodeError extends Error {
  override readonly name = "DhcpEncodeError";
}

/** What a caller can act on when a socket cannot be had. */
export type SocketErrorCode = "EACCES" | "EPERM" | "EADDRINUSE" | "ENODEV" | "ENOTSUP" | "EIO";

/**
 * A socket could not be opened, bound or tied to its interface.
 * `EACCES`: the port needs root or CAP_NET_BIND_SERVICE. `EPERM`: a packet socket needs root or CAP_NET_RAW.
 * `EADDRINUSE`: another program on this computer has the port. `ENOTSUP`: this system or runtime cannot do it.
 */
export class DhcpSocketError extends Error {
  override readonly name = "DhcpSocketError";
  readonly code: SocketErrorCode;
  readonly interface: string;
  readonly port: number | undefined;

  constructor(code: SocketErrorCode, where: { interface: string; port?: number }, detail: string) {
    const port = where.port === undefined ? "" : ` port ${where.port}`;
    super(`${where.interface}${port}: ${code}: ${detail}`);
    this.code = code;
    this.interface = where.interface;
    this.port = where.port;
  }
}

/** A DHCP server that is not ours, found on an interface. `mac` is absent when it runs on this computer. */
export interface RivalServer {
  readonly interface: string;
  /** Its option 54, or its source address when it sent none. */
  readonly address: string;
  readonly mac?: string;
  /** It offers addresses; one that does not is a proxy. */
  readonly givesAddresses: boolean;
  /** It names a boot file, or says that it is a PXE server. */
  readonly givesBoot: boolean;
}

/** The DHCP server refuses to start: another one already answers. */
export class RivalServerError extends Error {
  override readonly name = "RivalServerError";
  readonly rival: RivalServer;

  constructor(rival: RivalServer) {
    const mac = rival.mac === undefined ? "" : ` (${rival.mac})`;
    super(`another DHCP server answers on ${rival.interface}: ${rival.address}${mac}`);
    this.rival = rival;
  }
}

/** The DHCP server cannot serve with these settings: a range outside its network, for example. */
export class DhcpConfigError extends Error {
  override readonly name = "DhcpConfigError";
}
