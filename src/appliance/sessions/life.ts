/**
 * What is done with the content of a session: reset, snapshot, restore, branch. Each is one transaction over files that
 * are there already, so a kill in the middle leaves the state before it or the one after.
 *
 *   snapshot   image <- o1            becomes   image <- o1 (frozen, named) <- o2
 *   restore    image <- o1 <- o2      becomes   image <- o1 <- o3, and o2 goes
 *   branch     image <- o1            becomes   image <- o1 (frozen) <- o2, and <- o3 of the new session
 *   reset      image <- o1 <- o2      becomes   image <- o3; o1 stays while a snapshot or a branch needs it
 *
 * An overlay o2, o3 is made at the next login.
 */
import { randomBytes } from "node:crypto";
import { backingName } from "../../disk/chain.ts";
import { MAX_CHAIN_OVERLAYS, openUpon } from "../../disk/qcow2/open.ts";
import type { Overlay } from "../../disk/qcow2/overlay.ts";
import { ApplianceError } from "../errors.ts";
import type { EventLog } from "../events.ts";
import { newSessionIdentity } from "../ids.ts";
import type { StateDatabase } from "../state/database.ts";
import type { Catalogue, LayerRecord, Snapshot } from "./catalogue.ts";
import { inUse, type LiveDisk, type SessionDisks } from "./disks.ts";
import type { Garbage } from "./garbage.ts";
import type { OverlayFolder } from "./overlay-folder.ts";
import { EVICT_AFTER_MS, type SessionLun, type SessionRecord } from "./record.ts";
import type { SessionService } from "./service.ts";
import type { SessionStore } from "./store.ts";

/** Frozen layers beneath an overlay: each costs a look-up for what only the lowest holds. */
export const LAYERS_MAX = MAX_CHAIN_OVERLAYS - 1;
/** A person who wants more of them wants a backup. */
export const SNAPSHOTS_PER_SESSION_MAX = 256;
/** Something to type in a shell and to show in a table. */
const SNAPSHOT_NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;
const SNAPSHOT_ID_BYTES = 8;

export interface SessionLifeParts {
  readonly sessions: SessionService;
  readonly store: SessionStore;
  readonly catalogue: Catalogue;
  readonly folder: OverlayFolder;
  readonly disks: SessionDisks;
  readonly garbage: Garbage;
  readonly database: StateDatabase;
  readonly events: EventLog;
  readonly now?: () => number;
}

export interface BranchRequest {
  /** Branch from this snapshot; without it from the session as it is. */
  readonly snapshot?: string | undefined;
  readonly ephemeral?: boolean | undefined;
  readonly ttlMs?: number | undefined;
  readonly quotaBytes?: number | null | undefined;
}

export class SessionLife {
  readonly #parts: SessionLifeParts;
  readonly #now: () => number;

  constructor(parts: SessionLifeParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  /** The snapshots of a session, oldest first. Throws "not-found". */
  snapshots(idOrIqn: string): readonly Snapshot[] {
    return this.#parts.catalogue.snapshots(this.#parts.sessions.get(idOrIqn).id);
  }

  /** The snapshot of that name or id. Throws "not-found". */
  snapshotOf(session: SessionRecord, name: string): Snapshot {
    const found = this.#parts.catalogue
      .snapshots(session.id)
      .find((snapshot) => snapshot.name === name || snapshot.id === name);
    if (found) return found;
    throw new ApplianceError(
      "not-found",
      `Session ${session.id} has no snapshot ${name}`,
      `pinetboot session snapshots ${session.id} shows them.`,
    );
  }

  /** Throws away what was written: the disks begin with their images again. Snapshots stay. */
  async reset(idOrIqn: string): Promise<void> {
    const { sessions, garbage } = this.#parts;
    const { id, pi } = sessions.get(idOrIqn);
    await this.#alone(id, () => garbage.freshDisks(id));
    this.#say(`Session ${id} was reset: it begins with its image again`, pi);
  }

  /**
   * Gives a name to what the disks hold now. With `live` also while an initiator is logged in: all disks of the session
   * at one moment between two of its commands, which is what a computer finds after a sudden loss of power.
   */
  async snapshot(
    idOrIqn: string,
    { name, live = false }: { readonly name?: string | undefined; readonly live?: boolean } = {},
  ): Promise<Snapshot> {
    const { sessions, catalogue } = this.#parts;
    const { id, pi } = sessions.get(idOrIqn);
    const taken = await this.#freeze(id, live, (luns, wasLive) => {
      const snapshot: Snapshot = {
        id: randomBytes(SNAPSHOT_ID_BYTES).toString("hex"),
        session: id,
        name: this.#freeName(id, name),
        live: wasLive,
        createdAt: this.#now(),
        luns: luns.map(({ lun, layer }) => ({ lun, layer })),
      };
      catalogue.addSnapshot(snapshot);
      return () => snapshot;
    });
    const how = taken.live ? ", while it was in use: as after a sudden loss of power" : "";
    this.#say(`Snapshot ${taken.name} of session ${id} was taken${how}`, pi);
    return taken;
  }

  /** Takes the disks back to a snapshot; what was written since goes. */
  async restore(idOrIqn: string, name: string): Promise<void> {
    const { sessions, store, garbage } = this.#parts;
    const { id, pi } = sessions.get(idOrIqn);
    await this.#alone(id, async () => {
      const session = sessions.get(id);
      const snapshot = this.snapshotOf(session, name);
      const luns = session.luns.map((lun) => garbage.freshLun(id, lun, layerAt(snapshot, lun)));
      store.changeDisks(id, luns, { after: () => garbage.noteUnused(session.luns) });
      await garbage.collect();
    });
    this.#say(`Session ${id} was taken back to snapshot ${name}`, pi);
  }

  /** Removes a snapshot's name, and what only it needed. */
  async removeSnapshot(idOrIqn: string, name: string): Promise<void> {
    const { sessions, catalogue, garbage } = this.#parts;
    const session = sessions.get(idOrIqn);
    catalogue.removeSnapshot(this.snapshotOf(session, name).id);
    await garbage.collect();
    this.#say(`Snapshot ${name} of session ${session.id} was removed`, session.pi);
  }

  /** Makes a session of its own identity that begins with the content of another, or of one of its snapshots. */
  async branch(idOrIqn: string, request: BranchRequest = {}): Promise<SessionRecord> {
    const { sessions, store, database } = this.#parts;
    const source = sessions.get(idOrIqn);
    sessions.checkRoom();
    const add = (luns: readonly SessionLun[]): SessionRecord => {
      const record = this.#branchRecord(source, luns, request);
      store.add(record);
      return record;
    };
    const record =
      request.snapshot === undefined
        ? await this.#freeze(source.id, false, (luns) => () => add(luns))
        : add(atSnapshot(source, this.snapshotOf(source, request.snapshot)));
    await database.syncToDisk();
    const from = request.snapshot === undefined ? "" : ` at snapshot ${request.snapshot}`;
    this.#say(`Session ${record.id} was branched from ${source.id}${from}`, null);
    return record;
  }

  /**
   * Makes the overlays of a session layers that never change, under fresh overlays. `also` writes to the database in
   * the same transaction and is given the disks as they are then; what it returns is called right after it.
   */
  #freeze<T>(
    id: string,
    live: boolean,
    also: (luns: readonly SessionLun[], live: boolean) => () => T,
  ): Promise<T> {
    const { sessions, disks } = this.#parts;
    const busy = disks.busyWith(id);
    if (busy !== undefined) throw busyError(id, busy);
    return disks.withLive(
      id,
      () => sessions.get(id),
      (open) => {
        const session = sessions.get(id);
        if (!open) return this.#freezeClosed(session, (luns) => also(luns, false));
        if (live) return this.#freezeLive(session, open, (luns) => also(luns, true));
        const { message } = inUse(id, sessions.whoUses(session));
        throw new ApplianceError(
          "in-use",
          message,
          "Log out there first, or take a snapshot of the running system: pinetboot session snapshot --live",
        );
      },
    );
  }

  async #freezeClosed<T>(session: SessionRecord, also: (luns: readonly SessionLun[]) => () => T): Promise<T> {
    const { disks, folder, garbage, database } = this.#parts;
    const frozen = session.luns.filter(({ overlay }) => folder.has(overlay));
    for (const lun of frozen) {
      this.#checkDepth(session, lun);
      await disks.mendBeneath(disks.linksOf(lun));
    }
    const luns = session.luns.map((lun) =>
      frozen.includes(lun) ? garbage.freshLun(session.id, lun, lun.overlay) : lun,
    );
    const result = this.#move(session, frozen, luns, also);
    await database.syncToDisk();
    return result;
  }

  /** The same under an initiator: the fresh overlays lie ready before the transaction, and are in use right after it. */
  async #freezeLive<T>(
    session: SessionRecord,
    open: readonly LiveDisk[],
    also: (luns: readonly SessionLun[]) => () => T,
  ): Promise<T> {
    const { disks, folder, garbage, catalogue, database } = this.#parts;
    for (const { lun } of open) this.#checkDepth(session, lun);
    const next = open.map(({ lun }) => ({ ...garbage.freshLun(session.id, lun, lun.overlay), made: true }));
    return garbage.holding(
      next.map(({ overlay }) => overlay),
      async () => {
        for (const { overlay } of next) catalogue.noteLeaving(overlay);
        for (const [index, { exchange }] of open.entries()) {
          const lun = next[index];
          if (lun) await this.#makeUpon(lun);
          // What was written so far need not be waited for in the moment of the exchange.
          await exchange.flush();
        }
        const uppers: Overlay[] = [];
        for (const [index, { overlay: lower }] of open.entries()) {
          const path = folder.pathOf(next[index]?.overlay ?? "");
          uppers.push(
            await openUpon(lower, path, backingName(path, folder.pathOf(next[index]?.layer ?? ""))),
          );
        }
        // From here to the last exchange nothing else runs: no write comes between the record and the disks.
        const result = this.#move(
          session,
          open.map(({ lun }) => lun),
          next,
          also,
        );
        const durable = open.map(({ exchange, overlay: lower }, index) => {
          const upper = uppers[index];
          // A flush that the initiator asks for is answered only when the record is durable as well as the data.
          return upper
            ? exchange.replace(upper, async () => {
                await lower.freeze();
                await database.syncToDisk();
              })
            : Promise.resolve();
        });
        const settled = Promise.all(durable);
        disks.nowOn(
          session.id,
          open.map((live, index) => ({
            lun: next[index] ?? live.lun,
            overlay: uppers[index] ?? live.overlay,
            exchange: live.exchange,
          })),
          settled,
        );
        for (const { overlay } of next) catalogue.forgetLeaving(overlay);
        await settled;
        return result;
      },
    );
  }

  /** Makes the overlay that is to lie over the one in use. */
  async #makeUpon({ overlay, layer, sizeBytes }: SessionLun): Promise<void> {
    const { folder } = this.#parts;
    const name = backingName(folder.pathOf(overlay), folder.pathOf(layer ?? ""));
    await folder.make(overlay, { sizeBytes, backing: { name, format: "qcow2" } });
  }

  /** The transaction of a freeze. */
  #move<T>(
    session: SessionRecord,
    frozen: readonly SessionLun[],
    luns: readonly SessionLun[],
    also: (luns: readonly SessionLun[]) => () => T,
  ): T {
    const { catalogue, store } = this.#parts;
    let then: (() => T) | undefined;
    store.changeDisks(session.id, luns, {
      before: () => {
        for (const lun of frozen) catalogue.addLayer(this.#layerOf(lun));
      },
      after: () => {
        then = also(luns);
      },
    });
    if (!then) throw new Error("the transaction of a freeze did not run to its end");
    return then();
  }

  #layerOf({ overlay, layer, image, sizeBytes }: SessionLun): LayerRecord {
    return { file: overlay, parent: layer, image, sizeBytes, createdAt: this.#now() };
  }

  #checkDepth({ id }: SessionRecord, { layer }: SessionLun): void {
    if (this.#parts.catalogue.chain(layer).length < LAYERS_MAX) return;
    throw new ApplianceError(
      "bad-request",
      `Session ${id} stands on ${LAYERS_MAX} layers already, and more would make it slow`,
      `Make an image of it and begin with that: pinetboot session commit ${id} --name NAME`,
    );
  }

  #freeName(id: string, wanted: string | undefined): string {
    const names = new Set(this.#parts.catalogue.snapshots(id).map(({ name }) => name));
    if (names.size >= SNAPSHOTS_PER_SESSION_MAX)
      throw new ApplianceError(
        "bad-request",
        `Session ${id} has ${SNAPSHOTS_PER_SESSION_MAX} snapshots`,
        "Remove some first: pinetboot session snapshot-remove",
      );
    if (wanted === undefined) {
      let number = names.size + 1;
      while (names.has(`snapshot-${number}`)) number += 1;
      return `snapshot-${number}`;
    }
    if (!SNAPSHOT_NAME.test(wanted))
      throw new ApplianceError(
        "bad-request",
        `${JSON.stringify(wanted)} cannot be the name of a snapshot`,
        "Use up to 64 letters, digits, dots, dashes, plus signs and underscores, beginning with a letter or digit.",
      );
    if (names.has(wanted))
      throw new ApplianceError(
        "already-exists",
        `Session ${id} has a snapshot ${wanted} already`,
        `Choose another name, or remove it: pinetboot session snapshot-remove ${id} ${wanted}`,
      );
    return wanted;
  }

  #branchRecord(
    source: SessionRecord,
    luns: readonly SessionLun[],
    { ephemeral, ttlMs, quotaBytes }: BranchRequest,
  ): SessionRecord {
    const identity = newSessionIdentity();
    const now = this.#now();
    return {
      ...identity,
      luns: luns.map((lun) => this.#parts.garbage.freshLun(identity.id, lun, lun.layer)),
      persistent: ephemeral !== true,
      pi: null,
      bootId: null,
      loggedOutAt: null,
      createdAt: now,
      expiresAt: ttlMs === undefined ? null : now + ttlMs,
      ttlMs: ttlMs ?? null,
      suspendedAt: null,
      evictAfterMs: EVICT_AFTER_MS,
      quotaBytes: quotaBytes ?? null,
      branchOf: source.id,
    };
  }

  #alone(id: string, work: () => Promise<void>): Promise<void> {
    const { disks, sessions } = this.#parts;
    const busy = disks.busyWith(id);
    if (busy !== undefined) throw busyError(id, busy);
    return disks.alone(
      id,
      () => sessions.get(id),
      () => sessions.whoUses(sessions.get(id)),
      work,
    );
  }

  #say(detail: string, pi: string | null): void {
    this.#parts.events.emit({ pi, stage: "session", state: "ok", detail });
  }
}

function busyError(id: string, doing: string): ApplianceError {
  return new ApplianceError("in-use", `Session ${id} is ${doing}`, "Do it again when that is done.");
}

/** The disks of a session as a snapshot of it has them. */
export function atSnapshot(session: SessionRecord, snapshot: Snapshot): readonly SessionLun[] {
  return session.luns.map((lun) => ({ ...lun, layer: layerAt(snapshot, lun) }));
}

function layerAt(snapshot: Snapshot, { lun }: SessionLun): string | null {
  return snapshot.luns.find((candidate) => candidate.lun === lun)?.layer ?? null;
}
