import { totalmem } from "node:os";

/** Every size, count and time that a peer could stretch. `createIscsiServer({limits})` may lower or raise those of `ServerLimits`. */

export interface ServerLimits {
  /** TCP connections at once, sessions or not: each costs some KiB and, while its peer does not read, an unsent tail. */
  readonly maxConnections: number;
  /** Connections at once from one address: one bad host must leave room for the others. */
  readonly maxConnectionsPerAddress: number;
  /** Initiators that take a new ISID for each login (libiscsi) leave their dead sessions behind until TCP finds out. */
  readonly maxSessionsPerTarget: number;
  /** From accept to the end of the login; open-iscsi gives up after 15 s itself. */
  readonly loginTimeoutMs: number;
  /** How long `stop` and `disconnect` wait for commands in flight before the connection is cut. */
  readonly stopGraceMs: number;
  /** How long `stop` then waits for initiators to log out as they were asked to; many do at once, some never. */
  readonly logoutWaitMs: number;
  /** Written by a session and not on the disk yet. */
  readonly maxDirtyBytes: number;
  /** An idle session is pinged after this long; a peer that does not answer (iPXE) is left alone. */
  readonly pingIntervalMs: number;
}

const LEAST_DIRTY_BYTES = 64 * 1024 * 1024;
const MOST_DIRTY_BYTES = 1024 * 1024 * 1024;

export const DEFAULT_LIMITS: ServerLimits = {
  maxConnections: 2048,
  maxConnectionsPerAddress: 512,
  maxSessionsPerTarget: 256,
  loginTimeoutMs: 15_000,
  stopGraceMs: 5_000,
  logoutWaitMs: 2_000,
  maxDirtyBytes: dirtyBytesOf(totalmem()),
  pingIntervalMs: 60_000,
};

/**
 * Linux makes whoever writes wait for the disk when about 15 % of the memory is dirty, for all programs together: a
 * sixteenth lets two sessions write at full speed before that, and their flushes begin at three quarters of it. Less than the least, and a small host would flush
 * all the time; more than the most, and an initiator's own flush would take many seconds on a hard disk.
 */
function dirtyBytesOf(memoryBytes: number): number {
  return Math.min(Math.max(memoryBytes / 16, LEAST_DIRTY_BYTES), MOST_DIRTY_BYTES);
}
