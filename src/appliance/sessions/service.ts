/** What can be done with sessions: make, find, boot, reset, remove; and the rules of ephemeral ones and of expiry. */
import type { ImageLibrary } from "../../images/library.ts";
import { ApplianceError, wordsOf } from "../errors.ts";
import type { EventLog } from "../events.ts";
import { newSessionIdentity } from "../ids.ts";
import type { StateDatabase } from "../state/database.ts";
import { formatSize } from "../sizes.ts";
import type { Assignment } from "../pis/record.ts";
import type { OpenDisk, SessionDisks } from "./disks.ts";
import { BLANK, type SessionRecord } from "./record.ts";
import { SessionStore } from "./store.ts";

/** A disk of a session to be: an image, or blank with a size; a larger size than the image's grows the disk. */
export interface DiskRequest {
  /** Name, id, or "blank". */
  readonly image: string;
  readonly sizeBytes?: number | undefined;
}

export interface SessionRequest {
  readonly disks: readonly DiskRequest[];
  readonly ephemeral?: boolean | undefined;
  readonly ttlMs?: number | undefined;
}

/** Who is logged in, as the iSCSI server knows it; a process that does not serve knows nobody. */
export interface LiveConnections {
  addressesOf(iqn: string): readonly string[];
  /** Ends the connections of a target and resolves when its disks are closed. */
  disconnect(iqn: string): Promise<void>;
}

/** A clean logout throws an ephemeral disk away after this long: a tool that logs out and in again keeps it. */
export const EPHEMERAL_GRACE_MS = 30_000;
/** One LUN a disk, and a person who wants more than this wants something else. */
export const DISKS_PER_SESSION_MAX = 16;
/** Every record is a few hundred bytes in memory; this only stops a script gone mad. */
export const SESSIONS_MAX = 10_000;

export interface SessionServiceParts {
  readonly database: StateDatabase;
  readonly library: ImageLibrary;
  readonly disks: SessionDisks;
  readonly events: EventLog;
  readonly now?: () => number;
}

export class SessionService {
  readonly #store: SessionStore;
  readonly #parts: SessionServiceParts;
  readonly #now: () => number;
  /** Set while serving. */
  live: LiveConnections = { addressesOf: () => [], disconnect: () => Promise.resolve() };

  constructor(parts: SessionServiceParts) {
    this.#parts = parts;
    this.#store = new SessionStore(parts.database.sqlite);
    this.#now = parts.now ?? Date.now;
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
      throw new ApplianceError("not-found", `There is no session ${idOrIqn}`, "pinetboot session list");
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
    if (session.bootId !== null) {
      await this.live.disconnect(session.iqn);
      if (!session.persistent) await this.#throwAway(session, "a new boot");
    }
    this.#keep(id, { bootId });
  }

  /**
   * Mends the disks that a killed server left open, one after the other, so that each is whole for other programs too,
   * whether or not anyone logs in again. A disk that cannot be mended is told; its login will be refused.
   */
  async mend(): Promise<void> {
    for (const session of this.all().filter((candidate) => this.#parts.disks.wasLeftOpen(candidate))) {
      try {
        await this.#parts.disks.acquire(session);
        await this.#parts.disks.release(session.id);
      } catch (error) {
        this.#say(
          "fail",
          `The disk of session ${session.id} cannot be opened: ${wordsOf(error)}`,
          session.pi,
        );
      }
    }
  }

  /** Opens the disks for a login. Every call that does not throw wants one `left`. */
  async enter(session: SessionRecord): Promise<readonly OpenDisk[]> {
    const { loggedOutAt, persistent } = session;
    if (!persistent && loggedOutAt !== null && this.#now() - loggedOutAt >= EPHEMERAL_GRACE_MS)
      await this.#throwAway(session, "a logout");
    const disks = await this.#parts.disks.acquire(session);
    this.#keepIfEphemeral(session.id, { loggedOutAt: null });
    return disks;
  }

  /** One login has ended. */
  async left(id: string, clean: boolean): Promise<void> {
    const last = await this.#parts.disks.release(id);
    if (last && clean) this.#keepIfEphemeral(id, { loggedOutAt: this.#now() });
  }

  /** Only an ephemeral session goes by its last logout: for the others nothing need be written. */
  #keepIfEphemeral(id: string, change: { readonly loggedOutAt: number | null }): void {
    const session = this.#store.byId(id);
    if (session && !session.persistent && session.loggedOutAt !== change.loggedOutAt) this.#keep(id, change);
  }

  /** A database that cannot be written (the disk is full) keeps nobody from a disk that is there: it is told. */
  #keep(id: string, change: Parameters<SessionStore["update"]>[1]): void {
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
    const from = this.live.addressesOf(session.iqn);
    if (!force && (from.length > 0 || this.#parts.disks.isOpen(session.id)))
      throw new ApplianceError(
        "in-use",
        `Session ${session.id} is logged in${from.length > 0 ? ` from ${from.join(", ")}` : ""}`,
        "Log out there first, or remove it with --force.",
      );
    this.#store.remove(session.id);
    await this.live.disconnect(session.iqn);
    await this.#parts.disks.discard(session);
    await this.#parts.database.syncToDisk();
    this.#say("ok", `Session ${session.id} was removed`, session.pi);
  }

  /** Removes what has expired and throws away what ephemeral sessions left; called about every ten seconds. */
  async sweep(): Promise<void> {
    const now = this.#now();
    for (const session of this.all()) {
      if (this.#parts.disks.isOpen(session.id)) continue;
      if (session.expiresAt !== null && session.expiresAt <= now) await this.remove(session.id);
      else if (
        !session.persistent &&
        session.loggedOutAt !== null &&
        now - session.loggedOutAt >= EPHEMERAL_GRACE_MS
      )
        await this.#throwAway(session, "a logout");
    }
  }

  async #add({ disks, ephemeral, ttlMs }: SessionRequest, pi: string | null): Promise<SessionRecord> {
    if (disks.length === 0 || disks.length > DISKS_PER_SESSION_MAX)
      throw new ApplianceError("bad-request", `A session has 1 to ${DISKS_PER_SESSION_MAX} disks`);
    if (this.all().length >= SESSIONS_MAX)
      throw new ApplianceError("bad-request", `There are ${SESSIONS_MAX} sessions`, "Remove some first.");
    const identity = newSessionIdentity();
    const luns = disks.map((disk, lun) => ({
      lun,
      ...this.#resolve(disk),
      overlay: lun === 0 ? `${identity.id}.qcow2` : `${identity.id}-${lun}.qcow2`,
    }));
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
    };
    this.#store.add(record);
    await this.#parts.database.syncToDisk();
    const names = luns.map(({ image, sizeBytes }) => `${this.#nameOf(image)}, ${formatSize(sizeBytes)}`);
    this.#say("ok", `Session ${record.id} was made: ${names.join("; ")}`, pi);
    return record;
  }

  #resolve({ image: wanted, sizeBytes }: DiskRequest): { image: string; sizeBytes: number } {
    const image = this.#parts.library.find(wanted);
    if (!image)
      throw new ApplianceError(
        "not-found",
        `There is no image ${wanted}`,
        "pinetboot image list shows what there is.",
      );
    // A blank disk has whatever size is asked for; its own is only what it has when nobody asks.
    if (image.id === BLANK) return { image: BLANK, sizeBytes: sizeBytes ?? image.sizeBytes };
    const size = Math.max(sizeBytes ?? 0, image.sizeBytes);
    if (sizeBytes !== undefined && sizeBytes < image.sizeBytes)
      throw new ApplianceError(
        "bad-request",
        `The image ${wanted} has ${formatSize(image.sizeBytes)}, which does not fit ${formatSize(sizeBytes)}`,
        "Leave the size away, or give a larger one.",
      );
    return { image: image.id, sizeBytes: size };
  }

  async #throwAway(session: SessionRecord, cause: string): Promise<void> {
    await this.live.disconnect(session.iqn);
    await this.#parts.disks.discard(session);
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
