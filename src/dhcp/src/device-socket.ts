/** A UDP socket that hears and speaks through one interface. */
import { createSocket, type Socket } from "node:dgram";
import { DhcpSocketError, type SocketErrorCode } from "./errors.ts";
import { bindToDevice } from "./libc.ts";

export interface DeviceSocketOptions {
  readonly interface: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly onDatagram: (bytes: Uint8Array, source: { address: string; port: number }) => void;
  /** The socket has failed while in use; it stays open. */
  readonly onError: (error: Error) => void;
}

export interface DeviceSocket {
  readonly port: number;
  /** Hands a datagram to the kernel. Rejects with the kernel's reason. */
  send(bytes: Uint8Array, to: { address: string; port: number }): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the socket on every address of the interface, with broadcast allowed.
 * The port is shared with sockets of other interfaces, ours or another program's (SO_REUSEADDR).
 * @throws DhcpSocketError
 */
export async function openDeviceSocket(options: DeviceSocketOptions): Promise<DeviceSocket> {
  const { interface: name, port } = options;
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  try {
    await bound(socket, port);
    bindToDevice(descriptorOf(socket, name), name);
    socket.setBroadcast(true);
  } catch (error) {
    await closed(socket);
    throw typed(error, name, port);
  }
  socket.on("message", (bytes, { address, port }) => options.onDatagram(bytes, { address, port }));
  socket.on("error", options.onError);
  return {
    port: socket.address().port,
    send: (bytes, to) => sent(socket, bytes, to),
    close: () => closed(socket),
  };
}

function bound(socket: Socket, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  socket.bind(port, "0.0.0.0", () => {
    socket.removeListener("error", reject);
    resolve();
  });
  return promise;
}

function sent(socket: Socket, bytes: Uint8Array, to: { address: string; port: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.send(bytes, to.port, to.address, (error) => (error ? reject(error) : resolve()));
  return promise;
}

function closed(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.close(() => resolve());
  return promise;
}

/**
 * The file descriptor of a bound socket. `node:dgram` has no public way to it; its state hangs on a symbol, in Node
 * and Bun alike, and `Bun.udpSocket`, which has the descriptor, cannot share a port.
 */
function descriptorOf(socket: Socket, iface: string): number {
  const key = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === "state symbol");
  const state: unknown = key === undefined ? undefined : Reflect.get(socket, key);
  const handle = property(state, "handle");
  const descriptor = property(handle, "fd");
  if (typeof descriptor !== "number" || descriptor < 0)
    throw new DhcpSocketError("ENOTSUP", { interface: iface }, "this runtime hides a socket's descriptor");
  return descriptor;
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

const BIND_ERRORS: readonly SocketErrorCode[] = ["EACCES", "EPERM", "EADDRINUSE"];

function typed(error: unknown, iface: string, port: number): DhcpSocketError {
  if (error instanceof DhcpSocketError) return error;
  const code = String(property(error, "code"));
  const known = BIND_ERRORS.find((name) => name === code) ?? "EIO";
  return new DhcpSocketError(known, { interface: iface, port }, String(property(error, "message") ?? error));
}
