/**
 * The open disks of sessions. A session's overlay is made at its first login, opened once however many connections
 * use it (multipath, or a relogin before the old connection is noticed dead), and closed when the last one leaves.
 *
 *   absent --login--> opening --> open (holders 1..n) --last leaves--> closing --> absent
 *                                    all of one session's steps run one after the other
 *   absent --alone--> a change or a copy of the disk; a login meanwhile is refused when that takes long
 */
import { basename } from "node:path";
import { backingName, type ChainLink, mendChain, openWritableChain } from "../../disk/chain.ts";
import type { Layer } from "../../disk/layer.ts";
import { type LastEnd, lastEndOf } from "../../disk/qcow2/last-end.ts";
import type { Overlay } from "../../disk/qcow2/overlay.ts";
import type { Recovery } from "../../disk/qcow2/recover.ts";
import { SwitchLayer } from "../../disk/switch-layer.ts";
import type { ImageLibrary } from "../../images/library.ts";
import { ApplianceError } from "../errors.ts";
import type { Catalogue } from "./catalogue.ts";
import { MeteredDisk } from "./metered-disk.ts";
import type { OverlayFolder } from "./overlay-folder.ts";
import { BLANK, type SessionLun, type SessionRecord } from "./record.ts";
import { type QuotaLevel, SpaceBudget } from "./space-budget.ts";

export interface OpenDisk {
  readonly lun: number;
  readonly layer: Layer;
}

/**
 * What is to be written into a disk that begins anew over its image, before anyone has logged in: a grown partition,
 * a host name. Undefined when there is nothing for this disk, which then need not be opened.
 */
export type DiskPreparer = (
  session: SessionRecord,
  lun: SessionLun,
) => ((disk: Layer) => Promise<void>) | undefined;

export interface SessionDisksParts {
  readonly folder: OverlayFolder;
  readonly library: ImageLibrary;
  readonly catalogue: Catalogue;
  /** Applied in order to a fresh disk; one that throws keeps the disk from being made, and the login is refused. */
  readonly preparers?: readonly DiskPreparer[];
  /** An unclean end was mended: `words` say how. */
  readonly onRecovery: (session: SessionRecord, lun: number, words: string) => void;
  /** The overlay of a disk is there from now on. */
  readonly onMade: (session: SessionRecord, lun: number) => void;
  readonly onQuota: (session: SessionRecord, level: QuotaLevel, usedBytes: number) => void;
}

/** A disk that is open: the overlay that is written, and the exchange through which it is reached. */
export interface LiveDisk {
  readonly lun: SessionLun;
  readonly overlay: Overlay;
  readonly exchange: SwitchLayer;
}

interface Entry {
  readonly disks: readonly OpenDisk[];
  live: readonly LiveDisk[];
  readonly budget: SpaceBudget;
  holders: number;
}

export class SessionDisks {
  /**
   * Told how the disks of a session were left, the worst of them, before any is opened or changed: what it decides by
   * that must be kept when it resolves, because opening makes them look clean. When it rejects nothing is opened.
   */
  onOpening: (session: SessionRecord, lastEnd: LastEnd) => Promise<void> = () => Promise.resolve();
  readonly #parts: SessionDisksParts;
  readonly #open = new Map<string, Entry>();
  /** Per session, the end of the last step: the next one waits for it. */
  readonly #steps = new Map<string, Promise<unknown>>();
  /** What is done with a session that takes so long that a login must not wait for it. */
  readonly #busy = new Map<string, string>();
  /** Layers that a live snapshot froze and that are open for writing still, by path: the session that has them open. */
  readonly #settling = new Map<string, string>();
  /** Layers are shared: what an unclean end left in one is mended by one opening at a time. */
  #mending: Promise<unknown> = Promise.resolve();

  constructor(parts: SessionDisksParts) {
    this.#parts = parts;
  }

  /** True while anyone holds the session's disks. */
  isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  /** What is being done with the session that keeps initiators out, in words ("being exported"). */
  busyWith(id: string): string | undefined {
    return this.#busy.get(id);
  }

  /**
   * Opens the session's disks, or joins those who have them open. Every call wants one `release`. `session` is asked
   * when its turn has come. Throws "in-use" while something long is done with the disks.
   */
  acquire(id: string, session: () => SessionRecord): Promise<readonly OpenDisk[]> {
    const doing = this.#busy.get(id);
    if (doing !== undefined)
      return Promise.reject(
        new ApplianceError("in-use", `Session ${id} is ${doing}`, "It can be used again when that is done."),
      );
    return this.#step(id, async () => {
      const entry = this.#open.get(id) ?? (await this.#openAll(session()));
      this.#open.set(id, entry);
      entry.holders += 1;
      return entry.disks;
    });
  }

  /** Lets go. The last one flushes and closes; resolves to true then. */
  release(id: string): Promise<boolean> {
    return this.#step(id, async () => {
      const entry = this.#open.get(id);
      if (!entry) return false;
      entry.holders -= 1;
      if (entry.holders > 0) return false;
      this.#open.delete(id);
      try {
        await closeAll(entry.disks);
      } finally {
        for (const [path, session] of this.#settling) if (session === id) this.#settling.delete(path);
      }
      return true;
    });
  }

  /**
   * Does `work` while nobody has the disks open. Throws "in-use" when somebody has; `who` names them. With `doing`
   * (a long work, in words) whoever logs in meanwhile is refused at once instead of waiting. `session` is asked when its
   * turn has come; undefined for one that is removed.
   */
  alone<T>(
    id: string,
    session: () => SessionRecord | undefined,
    who: () => string,
    work: () => Promise<T> | T,
    { doing }: { readonly doing?: string } = {},
  ): Promise<T> {
    return this.#step(id, async () => {
      if (this.#open.has(id)) throw inUse(id, who());
      if (doing !== undefined) this.#busy.set(id, doing);
      try {
        await this.#judge(session());
        return await work();
      } finally {
        this.#busy.delete(id);
      }
    });
  }

  /** Does `work` with the open disks; undefined when nobody has them open, who cannot log in meanwhile. */
  withLive<T>(
    id: string,
    session: () => SessionRecord,
    work: (live: readonly LiveDisk[] | undefined) => Promise<T>,
  ): Promise<T> {
    return this.#step(id, async () => {
      const live = this.#open.get(id)?.live;
      if (!live) await this.#judge(session());
      return work(live);
    });
  }

  /**
   * Notes that the disks of a session stand on other files now, and that those before are frozen as layers; they count as
   * open until `settled` has resolved, or until the session's disks are closed.
   */
  nowOn(id: string, live: readonly LiveDisk[], settled: Promise<unknown>): void {
    const entry = this.#open.get(id);
    if (!entry) return;
    const paths = entry.live.map(({ lun }) => this.#parts.folder.pathOf(lun.overlay));
    for (const path of paths) this.#settling.set(path, id);
    entry.live = live;
    void settled.then(
      () => {
        for (const path of paths) this.#settling.delete(path);
      },
      // The initiator's next flush tries again; until the disks are closed the layers stay as they are.
      () => undefined,
    );
  }

  /** The quota counts anew, also for who is logged in. */
  changeQuota(id: string, quotaBytes: number | null): void {
    this.#open.get(id)?.budget.change(quotaBytes);
  }

  /** Looks at the quotas of all that are logged in, so that a warning comes while there is time. */
  lookAtQuotas(): void {
    for (const { budget } of this.#open.values()) budget.look();
  }

  /** True for a session whose disk was open when the server was killed: what is to be mended is done at an opening. */
  wasLeftOpen(session: SessionRecord): boolean {
    return (
      !this.#open.has(session.id) &&
      session.luns.some((lun) => this.#filesOf(lun).some((file) => this.#parts.folder.wasLeftOpen(file)))
    );
  }

  /** What the session's own overlays take on the host's disk, in bytes. */
  allocatedBytes(session: SessionRecord): number {
    return this.#parts.folder.allocatedBytes(session.luns.map(({ overlay }) => overlay));
  }

  /** What counts for the quota: the overlays, the layers beneath them, and those that the session's snapshots hold. */
  chargedBytes(session: SessionRecord): number {
    return this.#parts.folder.allocatedBytes(this.#chargedFiles(session));
  }

  /** The files of a disk from the base up; the overlay is the last when it was made. */
  linksOf(lun: SessionLun): readonly ChainLink[] {
    const links = this.#linksBeneath(lun);
    const overlay = this.#parts.folder.pathOf(lun.overlay);
    return this.#parts.folder.has(lun.overlay) ? [...links, { path: overlay, format: "qcow2" }] : links;
  }

  /** The files of a disk as a frozen layer has them, from the base up. */
  linksOfLayer(image: string, layer: string | null): readonly ChainLink[] {
    const base: ChainLink[] =
      image === BLANK ? [] : [{ path: this.#parts.library.pathOf(image), format: "raw" }];
    const layers = this.#parts.catalogue.chain(layer);
    return [
      ...base,
      ...layers.map(({ file }): ChainLink => ({ path: this.#parts.folder.pathOf(file), format: "qcow2" })),
    ];
  }

  /**
   * Mends what an unclean end left in a chain that nobody writes to. Throws "in-use" for a layer that a live snapshot has
   * just frozen and that is not on stable storage yet: it is open still, and looks as if nobody had closed it.
   */
  mendBeneath(links: readonly ChainLink[]): Promise<void> {
    const mended = this.#mending.then(() => {
      const settling = links.find(({ path }) => this.#settling.has(path));
      if (settling)
        throw new ApplianceError(
          "in-use",
          `The snapshot in ${basename(settling.path)} is not on stable storage yet`,
          "Try again in a moment, or when its initiator has logged out.",
        );
      return mendChain(links);
    });
    // Whoever waits behind it tries for himself.
    this.#mending = mended.catch(() => undefined);
    return mended;
  }

  /** Makes the overlay of a disk; one that is to lie over an image itself is prepared. */
  async make(session: SessionRecord, lun: SessionLun): Promise<void> {
    const { folder, preparers = [] } = this.#parts;
    const beneath = this.#linksBeneath(lun);
    const below = beneath.at(-1);
    const backing = below && {
      name: backingName(folder.pathOf(lun.overlay), below.path),
      format: below.format,
    };
    const isFresh = lun.layer === null && lun.image !== BLANK;
    await folder.make(
      lun.overlay,
      { sizeBytes: lun.sizeBytes, ...(backing && { backing }) },
      async (path) => {
        const wanted = isFresh ? preparers.flatMap((preparer) => preparer(session, lun) ?? []) : [];
        if (wanted.length === 0) return;
        const disk = await openWritableChain([...beneath, { path, format: "qcow2" }]);
        try {
          for (const prepare of wanted) await prepare(disk);
        } finally {
          await disk.close();
        }
      },
    );
    this.#parts.onMade(session, lun.lun);
  }

  /** Closes whatever is still open, at the end of the process. */
  async closeAll(): Promise<void> {
    await Promise.all(this.#steps.values());
    for (const { disks } of this.#open.values()) await closeAll(disks);
    this.#open.clear();
  }

  async #judge(session: SessionRecord | undefined): Promise<void> {
    if (!session) return;
    const { folder } = this.#parts;
    const there = session.luns.filter(({ overlay }) => folder.has(overlay));
    const ends = new Set(there.map(({ overlay }) => lastEndOf(folder.pathOf(overlay))));
    await this.onOpening(
      session,
      (["power-loss", "killed"] as const).find((end) => ends.has(end)) ?? "clean",
    );
  }

  async #openAll(session: SessionRecord): Promise<Entry> {
    await this.#judge(session);
    const live: LiveDisk[] = [];
    try {
      for (const lun of session.luns) {
        const overlay = await this.#openOne(session, lun);
        live.push({ lun, overlay, exchange: new SwitchLayer(overlay) });
      }
    } catch (error) {
      await closeAll(live.map(({ lun, overlay }) => ({ lun: lun.lun, layer: overlay })));
      throw error;
    }
    const entry: Entry = {
      live,
      holders: 0,
      budget: new SpaceBudget(
        session.quotaBytes,
        () =>
          this.#parts.folder.allocatedBytes(
            this.#chargedFiles({ ...session, luns: entry.live.map(({ lun }) => lun) }),
          ),
        (level, usedBytes) => this.#parts.onQuota(session, level, usedBytes),
      ),
      disks: live.map(({ lun, exchange }) => ({
        lun: lun.lun,
        layer: new MeteredDisk(exchange, (disk, offset, length) => entry.budget.admit(disk, offset, length)),
      })),
    };
    entry.budget.look();
    return entry;
  }

  async #openOne(session: SessionRecord, lun: SessionLun): Promise<Overlay> {
    const { folder, library } = this.#parts;
    if (!library.find(lun.image))
      throw new ApplianceError(
        "not-found",
        `The image ${lun.image} of session ${session.id} is not in the library`,
        "Import it again: the same content has the same id.",
      );
    if (!folder.has(lun.overlay)) {
      if (lun.made)
        throw new ApplianceError(
          "not-found",
          `The file overlays/${lun.overlay} of session ${session.id} is missing, with what was written in it`,
          `Put it back from a backup, or begin anew: pinetboot session reset ${session.id}`,
        );
      await this.make(session, lun);
    } else if (!lun.made) this.#parts.onMade(session, lun.lun);
    const links = this.linksOf(lun);
    if (lun.layer !== null) await this.mendBeneath(links.slice(0, -1));
    const disk = await openWritableChain(links);
    const words = RECOVERY_WORDS[disk.recovery.kind];
    if (words !== undefined) this.#parts.onRecovery(session, lun.lun, words);
    return disk;
  }

  #linksBeneath({ image, layer }: SessionLun): readonly ChainLink[] {
    return this.linksOfLayer(image, layer);
  }

  #filesOf({ overlay, layer }: SessionLun): readonly string[] {
    return [...this.#parts.catalogue.chain(layer).map(({ file }) => file), overlay];
  }

  #chargedFiles({ id, luns }: SessionRecord): ReadonlySet<string> {
    const { catalogue } = this.#parts;
    const held = catalogue.snapshots(id).flatMap((snapshot) => snapshot.luns);
    return new Set([
      ...luns.flatMap((lun) => this.#filesOf(lun)),
      ...held.flatMap(({ layer }) => catalogue.chain(layer).map(({ file }) => file)),
    ]);
  }

  #step<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#steps.get(id) ?? Promise.resolve();
    const step = before.then(work, work);
    const settled = step.then(
      () => undefined,
      // The caller of this step gets the error; the next step only waits for the end of it.
      () => undefined,
    );
    this.#steps.set(id, settled);
    void settled.then(() => {
      if (this.#steps.get(id) === settled) this.#steps.delete(id);
    });
    return step;
  }
}

const RECOVERY_WORDS: Record<Recovery["kind"], string | undefined> = {
  clean: undefined,
  killed: "The server had been killed: every acknowledged write was kept",
  "power-loss": "The computer had stopped without closing this disk: what was flushed was kept",
};

/** The refusal of what cannot be done while the disks are in use. */
export function inUse(id: string, who: string): ApplianceError {
  return new ApplianceError(
    "in-use",
    `Session ${id} is logged in${who === "" ? "" : ` from ${who}`}`,
    "Log out there first, and do it again.",
  );
}

async function closeAll(disks: readonly OpenDisk[]): Promise<void> {
  for (const { layer } of disks) await layer.close();
}
