/** What can be done with sessions: make, find, boot, reset, remove; and the rules of ephemeral ones and of expiry. */
import { withNearName } from "../../images/near-name.ts";
import type { ImageLibrary } from "../../images/library.ts";
import { ApplianceError, wordsOf } from "../errors.ts";
import type { EventLog } from "../events.ts";
import { newSessionIdentity } from "../ids.ts";
import type { StateDatabase } from "../state/database.ts";
import { formatSize } from "../sizes.ts";
import type { Assignment } from "../pis/record.ts";
import { formatDuration } from "../durations.ts";
import { inUse, type OpenDisk, type SessionDisks } from "./disks.ts";
import { EPHEMERAL_GRACE_MS, fateOf } from "./fate.ts";
import { SessionFence } from "./fence.ts";
import type { Garbage } from "./garbage.ts";
import { type LiveConnections, NOBODY } from "./live-connections.ts";
import { EVICT_AFTER_MS, type SessionRecord } from "./record.ts";
import { lunsOf, type SessionRequest, type SessionSettings } from "./request.ts";
import type { SessionChange, SessionStore } from "./store.ts";

/** Every record is a few hundred bytes in memory; this only stops a script gone mad. */
export const SESSIONS_MAX = 10_000;

export interface SessionServiceParts {
  readonly database: StateDatabase;
  readonly store: SessionStore;
  readonly library: ImageLibrary;
  readonly disks: SessionDisks;
  readonly garbage: Garbage;
  readonly events: EventLog;
  readonly now?: () => number;
}

export class SessionService {
  readonly #store: SessionStore;
  readonly #parts: SessionServiceParts;
  readonly #now: () => number;
  /** Who is kept out since this computer lost power. */
  readonly fence: SessionFence;
  /** Set while serving. */
  live: LiveConnections = NOBODY;

  constructor(parts: SessionServiceParts) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#now = parts.now ?? Date.now;
    this.fence = new SessionFence(parts, this.#now);
  }

  all(): readonly SessionRecord[] {
    return this.#store.all();
  }

  byIqn(iqn: string): SessionRecord | undefined {
    return this.#store.byIqn(iqn);
  }

  byChapUser(user: string): SessionRecord | undefined {
    return this.#store.byChapUser(user);
  }

  /** The session of that id or IQN. Throws "not-found". */
  get(idOrIqn: string): SessionRecord {
    const record = this.#store.byId(idOrIqn) ?? this.#store.byIqn(idOrIqn);
    if (!record)
      throw new ApplianceError(
        "not-found",
        `There is no session ${idOrIqn}`,
        withNearName(
          idOrIqn,
          this.#store.all().map(({ id }) => id),
          "pinetboot session list",
        ),
      );
    return record;
  }

  /** Who uses an image, in words; empty when nobody does. */
  usersOf(imageId: string): string[] {
    return this.all()
      .filter(({ luns }) => luns.some(({ image }) => image === imageId))
      .map(({ id, pi }) => (pi === null ? `session ${id}` : `session ${id} of Pi ${pi}`));
  }

  /** What the session's overlays take on the host's disk, in bytes. */
  allocatedBytes(session: SessionRecord): number {
    return this.#parts.disks.allocatedBytes(session);
  }

  /** What counts for the session's quota, in bytes. */
  chargedBytes(session: SessionRecord): number {
    return this.#parts.disks.chargedBytes(session);
  }

  /** What is with a session now: somebody is logged in, something long is done with it, it sleeps, or none of it. */
  stateOf({ id, suspendedAt }: SessionRecord): "idle" | "in-use" | "busy" | "suspended" {
    if (this.#parts.disks.isOpen(id)) return "in-use";
    if (this.#parts.disks.busyWith(id) !== undefined) return "busy";
    return suspendedAt === null ? "idle" : "suspended";
  }

  /** Who is logged in to the session, in words for a refusal; empty when nobody is known. */
  whoUses(session: SessionRecord): string {
    return this.live
      .initiatorsOf(session.iqn)
      .map(({ name, address }) => `${address} (${name})`)
      .join(", ");
  }

  /** Throws "bad-request" when there can be no further session. */
  checkRoom(): void {
    if (this.all().length >= SESSIONS_MAX)
      throw new ApplianceError("bad-request", `There are ${SESSIONS_MAX} sessions`, "Remove some first.");
  }

  /** Makes a session; on return its record survives a power cut. The disk itself is made at the first login. */
  async create(request: SessionRequest): Promise<SessionRecord> {
    return this.#add(request, null);
  }

  /** The session that a Pi has with that image (by its id), if it has one. */
  ofPi(pi: string, image: string): SessionRecord | undefined {
    return this.all().find((session) => session.pi === pi && session.luns[0]?.image === image);
  }

  /** The session of a Pi with that image: the one it had, else a new one, which `ofPi` finds at once. */
  async forPi(pi: string, { image, persistent }: Assignment): Promise<SessionRecord> {
    const found = this.ofPi(pi, image);
    if (!found) return this.#add({ disks: [{ image }], ephemeral: !persistent }, pi);
    if (found.persistent === persistent) return found;
    return this.#store.update(found.id, { persistent }) ?? found;
  }

  /** Gives the sessions of a Pi to the key that it is known by from now on. */
  movePi(from: string, to: string): void {
    for (const session of this.all()) if (session.pi === from) this.#store.update(session.id, { pi: to });
  }

  /**
   * Notes that the Pi of this session runs a kernel with this boot id. With a new one the connections that are still
   * there are the Pi's own from before its restart, and an ephemeral session is reset. A relogin of the same boot
   * changes nothing.
   */
  async noteBoot(id: string, bootId: string): Promise<void> {
    const session = this.get(id);
    if (session.bootId === bootId) return;
    this.fence.liftForNewBoot(session, bootId);
    if (session.bootId !== null) {
      await this.live.disconnect(session.iqn);
      if (!session.persistent) await this.#throwAway(session, "a new boot");
    }
    this.#keep(id, { bootId });
    // Lost with the power, it would make the same boot look like a new one, and let the Pi in that is to be kept out.
    await this.#parts.database.syncToDisk();
  }

  /**
   * Mends the disks that a killed server left open, one after the other, so that each is whole for other programs too,
   * whether or not anyone logs in again. A disk that cannot be mended is told; its login will be refused.
   */
  async mend(): Promise<void> {
    for (const session of this.all().filter((candidate) => this.#parts.disks.wasLeftOpen(candidate))) {
      try {
        await this.#parts.disks.acquire(session.id, () => session);
        await this.#letGo(session.id);
      } catch (error) {
        this.#say(
          "fail",
          `The disk of session ${session.id} cannot be opened: ${wordsOf(error)}`,
          session.pi,
        );
      }
    }
  }

  /**
   * Opens the disks for a login; a suspended session wakes. Every call that does not throw wants one `left`.
   * Throws ApplianceError "fenced" for an initiator that used the disks when this computer lost power.
   */
  async enter(session: SessionRecord, initiator: string): Promise<readonly OpenDisk[]> {
    this.fence.refuse(session, initiator);
    const { loggedOutAt, persistent } = session;
    if (!persistent && loggedOutAt !== null && this.#now() - loggedOutAt >= EPHEMERAL_GRACE_MS)
      await this.#throwAway(session, "a logout");
    const disks = await this.#parts.disks.acquire(session.id, () => this.get(session.id));
    try {
      // The opening may have found the loss of power.
      this.fence.refuse(session, initiator);
      this.fence.checkRoom(session, initiator);
      await this.fence.note(session, initiator);
    } catch (error) {
      await this.#letGo(session.id);
      throw error;
    }
    this.#keepIfEphemeral(session.id, { loggedOutAt: null });
    this.#wake(session.id);
    return disks;
  }

  /** One login has ended. */
  async left(id: string, clean: boolean): Promise<void> {
    const last = await this.#letGo(id);
    if (last && clean) this.#keepIfEphemeral(id, { loggedOutAt: this.#now() });
  }

  /** True when nobody holds the disks any more: they are closed then, and nothing of anyone's can get lost. */
  async #letGo(id: string): Promise<boolean> {
    const last = await this.#parts.disks.release(id);
    if (last) this.fence.forgetUsers(id);
    return last;
  }

  /** A suspended session begins its time anew. */
  #wake(id: string): void {
    const session = this.#store.byId(id);
    if (!session || session.suspendedAt === null) return;
    const expiresAt = session.ttlMs === null ? null : this.#now() + session.ttlMs;
    this.#keep(id, { suspendedAt: null, expiresAt });
    this.#say("ok", `Session ${id} was woken by a login`, session.pi);
  }

  /** Only an ephemeral session goes by its last logout: for the others nothing need be written. */
  #keepIfEphemeral(id: string, change: { readonly loggedOutAt: number | null }): void {
    const session = this.#store.byId(id);
    if (session && !session.persistent && session.loggedOutAt !== change.loggedOutAt) this.#keep(id, change);
  }

  /** A database that cannot be written (the disk is full) keeps nobody from a disk that is there: it is told. */
  #keep(id: string, change: SessionChange): void {
    try {
      this.#store.update(id, change);
    } catch (error) {
      const pi = this.#store.byId(id)?.pi ?? null;
      this.#say("fail", `The record of session ${id} could not be written: ${wordsOf(error)}`, pi);
    }
  }

  /**
   * Removes a session and what was written in it. While an initiator is logged in it is refused ("in-use"),
   * with `force` the initiator is disconnected.
   */
  async remove(idOrIqn: string, { force = false } = {}): Promise<void> {
    const session = this.get(idOrIqn);
    if (!force && (this.live.initiatorsOf(session.iqn).length > 0 || this.#parts.disks.isOpen(session.id)))
      throw new ApplianceError(
        "in-use",
        inUse(session.id, this.whoUses(session)).message,
        "Log out there first, or remove it with --force.",
      );
    const doing = this.#parts.disks.busyWith(session.id);
    if (doing !== undefined)
      throw new ApplianceError("in-use", `Session ${session.id} is ${doing}`, "Remove it when that is done.");
    this.#store.remove(session.id, () => this.#parts.garbage.noteUnused(session.luns));
    this.fence.forgetSession(session.id);
    await this.live.disconnect(session.iqn);
    await this.#parts.disks.alone(
      session.id,
      () => undefined,
      () => this.whoUses(session),
      () => this.#parts.garbage.collect(),
    );
    this.#say("ok", `Session ${session.id} was removed`, session.pi);
  }

  /**
   * Ends the logins of a session: each initiator is asked to log out, then its connection is closed. The session stays as
   * it is, and they may log in again. Returns how many there were.
   */
  async disconnect(idOrIqn: string): Promise<number> {
    const { id, iqn, pi } = this.get(idOrIqn);
    const there = this.live.initiatorsOf(iqn);
    await this.live.disconnect(iqn);
    if (there.length > 0)
      this.#say(
        "ok",
        `${there.map(({ address }) => address).join(", ")} was disconnected from session ${id}`,
        pi,
      );
    return there.length;
  }

  /** Changes settings; a quota counts at once, also for who is logged in. */
  async change(idOrIqn: string, settings: SessionSettings): Promise<SessionRecord> {
    const { id, pi } = this.get(idOrIqn);
    const { quotaBytes, ttlMs, evictAfterMs, ephemeral } = settings;
    const changed = this.#store.update(id, {
      ...(quotaBytes !== undefined && { quotaBytes }),
      ...(ttlMs !== undefined && {
        ttlMs,
        suspendedAt: null,
        expiresAt: ttlMs === null ? null : this.#now() + ttlMs,
      }),
      ...(evictAfterMs !== undefined && { evictAfterMs }),
      ...(ephemeral !== undefined && { persistent: !ephemeral }),
    });
    await this.#parts.database.syncToDisk();
    if (quotaBytes !== undefined) this.#parts.disks.changeQuota(id, quotaBytes);
    this.#say("ok", `Session ${id} was changed`, pi);
    return changed ?? this.get(id);
  }

  /**
   * Suspends what has expired, removes what has slept its time, throws away what ephemeral sessions left, and looks at
   * the quotas; called about every ten seconds. Nothing happens to a session while someone is logged in.
   */
  async sweep(): Promise<void> {
    this.#parts.disks.lookAtQuotas();
    for (const session of this.all()) {
      const { id, pi } = session;
      if (this.#parts.disks.isOpen(id) || this.#parts.disks.busyWith(id) !== undefined) continue;
      switch (fateOf(session, this.#now())) {
        case "suspend": {
          this.#keep(id, { suspendedAt: this.#now() });
          const kept = formatDuration(session.evictAfterMs);
          this.#say(
            "ok",
            `Session ${id} is suspended: its time was over. A login within ${kept} wakes it`,
            pi,
          );
          break;
        }
        case "evict":
          await this.remove(id);
          break;
        case "begin anew":
          await this.#throwAway(session, "a logout");
          break;
        case "stay":
          break;
      }
    }
  }

  async #add(request: SessionRequest, pi: string | null): Promise<SessionRecord> {
    const { disks, ephemeral, ttlMs, evictAfterMs, quotaBytes } = request;
    this.checkRoom();
    const identity = newSessionIdentity();
    const luns = lunsOf(this.#parts.library, identity.id, disks);
    const now = this.#now();
    const record: SessionRecord = {
      ...identity,
      luns,
      persistent: ephemeral !== true,
      pi,
      bootId: null,
      loggedOutAt: null,
      createdAt: now,
      expiresAt: ttlMs === undefined ? null : now + ttlMs,
      ttlMs: ttlMs ?? null,
      suspendedAt: null,
      evictAfterMs: evictAfterMs ?? EVICT_AFTER_MS,
      quotaBytes: quotaBytes ?? null,
      branchOf: null,
    };
    this.#store.add(record);
    await this.#parts.database.syncToDisk();
    const names = luns.map(({ image, sizeBytes }) => `${this.#nameOf(image)}, ${formatSize(sizeBytes)}`);
    this.#say("ok", `Session ${record.id} was made: ${names.join("; ")}`, pi);
    return record;
  }

  async #throwAway(session: SessionRecord, cause: string): Promise<void> {
    await this.live.disconnect(session.iqn);
    await this.#parts.disks.alone(
      session.id,
      () => session,
      () => this.whoUses(session),
      () => this.#parts.garbage.freshDisks(session.id),
    );
    this.#keepIfEphemeral(session.id, { loggedOutAt: null });
    this.#say("ok", `Ephemeral session ${session.id} begins anew after ${cause}`, session.pi);
  }

  #nameOf(image: string): string {
    return this.#parts.library.find(image)?.names[0] ?? image.slice(0, 12);
  }

  #say(state: "ok" | "fail", detail: string, pi: string | null): void {
    this.#parts.events.emit({ pi, stage: "session", state, detail });
  }
}
