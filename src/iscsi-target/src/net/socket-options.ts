/** How much the system holds of a connection before it is read, set on Linux; elsewhere its defaults stay. */
import { descriptorOf, libc } from "./libc.ts";

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
/** As SO_RCVBUF, beyond what the system's administrator lets everyone have: for root alone. */
const SO_RCVBUFFORCE = 33;

export type ReceiveRoom = keyof typeof ROOM_BYTES;

const ROOM_BYTES = {
  /** Nobody knows yet who it is, and there may be thousands. */
  stranger: 128 * 1024,
  /** Four writes of 256 KiB: with less a writer is stopped and woken again and again while its data is put away. */
  session: 1024 * 1024,
} as const satisfies Record<string, number>;

export function setReceiveRoom(socket: object, room: ReceiveRoom): void {
  const fd = descriptorOf(socket);
  if (!libc || fd < 0) return;
  const bytes = new Int32Array([ROOM_BYTES[room]]);
  if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes, 4) === 0) return;
  libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, bytes, 4);
}
