/**
 * The few calls of Linux's C library that Bun has no API for: tying a socket to an interface, and packet sockets.
 * It is for Linux; elsewhere `openLibc` throws ENOTSUP.
 */
import { dlopen, FFIType, read } from "bun:ffi";
import { DhcpSocketError, type SocketErrorCode } from "./errors.ts";

function openLibrary(name: string) {
  return dlopen(name, {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: FFIType.i64_fast },
    recvfrom: { args: ["i32", "ptr", "u64", "i32", "ptr", "ptr"], returns: FFIType.i64_fast },
    close: { args: ["i32"], returns: "i32" },
    if_nametoindex: { args: ["ptr"], returns: "u32" },
    __errno_location: { args: [], returns: "ptr" },
  }).symbols;
}

type Libc = ReturnType<typeof openLibrary>;

/** glibc, then musl on the two machines that we build for. */
const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

let loaded: Libc | undefined;

/** The library's calls. @throws DhcpSocketError `ENOTSUP` on a system that has none of the known ones. */
export function openLibc(iface: string): Libc {
  loaded ??= load();
  if (loaded === undefined)
    throw new DhcpSocketError("ENOTSUP", { interface: iface }, "this needs Linux and its C library");
  return loaded;
}

function load(): Libc | undefined {
  if (process.platform !== "linux") return undefined;
  for (const name of LIBRARIES) {
    try {
      return openLibrary(name);
    } catch (error) {
      // The next name is tried: which one exists is what this loop finds out.
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}

/** Text as C reads it. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** The kernel's number of an interface, or undefined when there is none of that name. */
export function interfaceIndex(name: string): number | undefined {
  const index = openLibc(name).if_nametoindex(cString(name));
  return index === 0 ? undefined : index;
}

const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;

/**
 * From here on the socket hears and speaks through this interface alone.
 * @throws DhcpSocketError with the kernel's reason (`ENODEV`, `EPERM`).
 */
export function bindToDevice(descriptor: number, iface: string): void {
  const name = cString(iface);
  const done = openLibc(iface).setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, name, name.length);
  if (done !== 0) throw errnoError({ interface: iface }, "the socket cannot be tied to the interface");
}

const ERRNO_NAMES: Record<number, SocketErrorCode> = {
  1: "EPERM",
  13: "EACCES",
  19: "ENODEV",
  95: "ENOTSUP",
  97: "ENOTSUP",
  98: "EADDRINUSE",
  6: "ENODEV",
  100: "ENODEV",
};

function errno(iface: string): number {
  const { __errno_location: location } = openLibc(iface);
  const at = location();
  return at === null ? 0 : read.i32(at, 0);
}

/** The error of the call before as a typed error. */
export function errnoError(where: { interface: string; port?: number }, detail: string): DhcpSocketError {
  const number = errno(where.interface);
  return new DhcpSocketError(ERRNO_NAMES[number] ?? "EIO", where, `${detail} (errno ${number})`);
}
