/**
 * What time does to a session that nobody is logged in to.
 *
 *   awake --its time is over--> suspended --nobody came--> evicted (removed with its content)
 *     ^-----------a login-----------'
 *   an ephemeral one is evicted when its time is over, and begins anew some time after a clean logout
 *
 * All of it is told from times in the record, so a restart of the server changes nothing.
 */
import type { SessionRecord } from "./record.ts";

/** A clean logout throws an ephemeral disk away after this long: a tool that logs out and in again keeps it. */
export const EPHEMERAL_GRACE_MS = 30_000;

export type Fate = "stay" | "suspend" | "evict" | "begin anew";

/** What is to be done with a session now. `now` is in Unix milliseconds. */
export function fateOf(session: SessionRecord, now: number): Fate {
  const { persistent, expiresAt, suspendedAt, evictAfterMs, loggedOutAt } = session;
  if (suspendedAt !== null) return now - suspendedAt >= evictAfterMs ? "evict" : "stay";
  if (expiresAt !== null && expiresAt <= now) return persistent ? "suspend" : "evict";
  const isLeft = !persistent && loggedOutAt !== null && now - loggedOutAt >= EPHEMERAL_GRACE_MS;
  return isLeft ? "begin anew" : "stay";
}
