/** Commit (a session becomes an image) and export (a disk becomes a file that needs no other). */
import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { ChainLink } from "../../disk/chain.ts";
import { exportDisk, type ExportFormat, type ExportProgress } from "../../disk/export/export-disk.ts";
import type { Ancestor } from "../../images/image.ts";
import type { ImageLibrary } from "../../images/library.ts";
import { ApplianceError } from "../errors.ts";
import type { SessionDisks } from "../sessions/disks.ts";
import { inUse } from "../sessions/disks.ts";
import type { Garbage } from "../sessions/garbage.ts";
import type { SessionLife } from "../sessions/life.ts";
import type { OverlayFolder } from "../sessions/overlay-folder.ts";
import { BLANK, type SessionLun, type SessionRecord } from "../sessions/record.ts";
import type { SessionService } from "../sessions/service.ts";
import { giveToCaller } from "../system/caller.ts";
import { type Download, downloadStream } from "./download.ts";
import { type CopyJob, type CopyJobs, type CopyOrder, exportError } from "./jobs.ts";

export const EXPORT_FORMATS = ["raw", "qcow2", "img.xz"] as const satisfies readonly ExportFormat[];

export interface CopiesParts {
  readonly jobs: CopyJobs;
  readonly library: ImageLibrary;
  readonly sessions: SessionService;
  readonly life: SessionLife;
  readonly disks: SessionDisks;
  readonly folder: OverlayFolder;
  readonly garbage: Garbage;
}

/** Which disk of a session, and as of when. */
export interface DiskChoice {
  /** Default: the first. */
  readonly lun?: number | undefined;
  /** Default: as it is now. */
  readonly snapshot?: string | undefined;
}

export interface ExportRequest {
  /** A whole path on this computer. */
  readonly path: string;
  readonly format: ExportFormat;
  readonly replace?: boolean | undefined;
}

type Progress = (progress: ExportProgress) => void;

/** What is done with a disk's files, the topmost last. */
type ChainWork = (
  chain: readonly ChainLink[],
  signal: AbortSignal,
  onProgress: Progress,
) => ReturnType<CopyOrder["work"]>;

export class Copies {
  readonly #parts: CopiesParts;

  constructor(parts: CopiesParts) {
    this.#parts = parts;
  }

  /**
   * Begins to make an image of a session's disk: its whole content, without the chain beneath, with a record of what it
   * came from. `onDone` is called when it is in the library. Throws "in-use" while an initiator is logged in.
   */
  commit(
    idOrIqn: string,
    { name, ...choice }: DiskChoice & { readonly name?: string | undefined },
    onDone: () => void,
  ): CopyJob {
    const { library } = this.#parts;
    const { session, lun } = this.#choose(idOrIqn, choice);
    if (name !== undefined) library.checkFree(name);
    return this.#copy("commit", session, lun, choice, async (chain, signal, onProgress) => {
      const target = library.unfinishedPath();
      const exported = await exportDisk({ chain, target, format: "raw", sha256: true, signal, onProgress });
      const image = await library.adopt(target, {
        id: exported.sha256 ?? "",
        sizeBytes: exported.sizeBytes,
        name,
        label: `session-${session.id}`,
        lineage: this.#lineageOf(session, lun, choice),
      });
      onDone();
      return { image: image.id, path: null, writtenBytes: exported.writtenBytes };
    });
  }

  /** Begins to write a session's disk to a file. Throws "in-use" while an initiator is logged in. */
  exportSession(idOrIqn: string, choice: DiskChoice, request: ExportRequest): CopyJob {
    const { session, lun } = this.#choose(idOrIqn, choice);
    checkTarget(request);
    return this.#copy("export", session, lun, choice, (chain, signal, onProgress) =>
      writeFile(chain, request, signal, onProgress),
    );
  }

  /** Begins to write an image to a file. */
  exportImage(nameOrId: string, request: ExportRequest): CopyJob {
    const { library, jobs } = this.#parts;
    const image = library.get(nameOrId);
    if (image.id === BLANK)
      throw new ApplianceError("bad-request", "blank holds nothing", "Export a session or another image.");
    checkTarget(request);
    const chain: readonly ChainLink[] = [{ path: library.pathOf(image.id), format: "raw" }];
    return jobs.start({
      kind: "export",
      subject: `image ${image.names[0] ?? image.id.slice(0, 12)}`,
      image: image.id,
      pi: null,
      work: (signal, onProgress) => writeFile(chain, request, signal, onProgress),
    });
  }

  /** An image as a stream. Throws "bad-request" for blank. */
  downloadImage(nameOrId: string): Download {
    const { library, jobs } = this.#parts;
    const image = library.get(nameOrId);
    if (image.id === BLANK)
      throw new ApplianceError("bad-request", "blank holds nothing", "Download a session or another image.");
    const name = image.names[0] ?? image.id.slice(0, 12);
    const chain: readonly ChainLink[] = [{ path: library.pathOf(image.id), format: "raw" }];
    return {
      name,
      sizeBytes: image.sizeBytes,
      tag: image.id,
      file: library.pathOf(image.id),
      open: (format, range) =>
        downloadStream(
          (work, onFailure) => {
            const order: CopyOrder = {
              kind: "export",
              subject: `image ${name} as a download`,
              image: image.id,
              pi: null,
              work: async (signal, onProgress) => {
                await work(chain, signal, progressOf(onProgress, range.to - range.from));
                return { image: null, path: null, writtenBytes: null };
              },
            };
            start(jobs, order, onFailure);
          },
          format,
          range,
        ),
    };
  }

  /** A session's disk as a stream. Throws "in-use" while an initiator is logged in, unless a snapshot is chosen. */
  downloadSession(idOrIqn: string, choice: DiskChoice): Download {
    const { jobs, folder, life } = this.#parts;
    const { session, lun } = this.#choose(idOrIqn, choice);
    const at = choice.snapshot === undefined ? "" : `-${choice.snapshot}`;
    const version =
      choice.snapshot === undefined
        ? folder.versionOf(lun.overlay)
        : life.snapshotOf(session, choice.snapshot).id;
    return {
      name: `${session.id}${session.luns.length === 1 ? "" : `-${lun.lun}`}${at}`,
      sizeBytes: lun.sizeBytes,
      tag: `${session.id}-${lun.lun}-${version}`,
      open: (format, range) =>
        downloadStream(
          (work, onFailure) => {
            const order = this.#order("export", session, lun, choice, async (chain, signal, onProgress) => {
              await work(chain, signal, progressOf(onProgress, range.to - range.from));
              return { image: null, path: null, writtenBytes: null };
            });
            start(jobs, order, onFailure);
          },
          format,
          range,
        ),
    };
  }

  #choose(
    idOrIqn: string,
    { lun: number = 0, snapshot }: DiskChoice,
  ): { session: SessionRecord; lun: SessionLun } {
    const { sessions, disks, life } = this.#parts;
    const session = sessions.get(idOrIqn);
    const lun = session.luns.find((candidate) => candidate.lun === number);
    if (!lun) throw new ApplianceError("not-found", `Session ${session.id} has no disk ${number}`);
    if (snapshot !== undefined) life.snapshotOf(session, snapshot);
    else if (disks.isOpen(session.id)) throw withSnapshotFix(session.id, sessions.whoUses(session));
    else {
      const doing = disks.busyWith(session.id);
      if (doing !== undefined)
        throw new ApplianceError(
          "in-use",
          `Session ${session.id} is ${doing}`,
          "Do it again when that is done.",
        );
    }
    return { session, lun };
  }

  #copy(
    kind: CopyOrder["kind"],
    session: SessionRecord,
    lun: SessionLun,
    choice: DiskChoice,
    work: ChainWork,
  ): CopyJob {
    return this.#parts.jobs.start(this.#order(kind, session, lun, choice, work));
  }

  #order(
    kind: CopyOrder["kind"],
    session: SessionRecord,
    lun: SessionLun,
    choice: DiskChoice,
    work: ChainWork,
  ): CopyOrder {
    const { sessions, disks, folder } = this.#parts;
    const disk = session.luns.length === 1 ? "" : `, disk ${lun.lun}`;
    const at = choice.snapshot === undefined ? "" : ` at ${choice.snapshot}`;
    return {
      kind,
      subject: `session ${session.id}${disk}${at}`,
      image: lun.image,
      pi: session.pi,
      work: (signal, onProgress) =>
        choice.snapshot !== undefined
          ? this.#holdingSnapshot(session, lun, choice.snapshot, (chain) => work(chain, signal, onProgress))
          : disks.alone(
              session.id,
              () => sessions.get(session.id),
              () => sessions.whoUses(session),
              async () => {
                const now =
                  sessions.get(session.id).luns.find((candidate) => candidate.lun === lun.lun) ?? lun;
                if (!folder.has(now.overlay)) await disks.make(session, now);
                const chain = disks.linksOf(now);
                await disks.mendBeneath(chain);
                return work(chain, signal, onProgress);
              },
              { doing: kind === "commit" ? "being committed" : "being exported" },
            ),
    };
  }

  /** A snapshot never changes; its files stay until the work is done, also when it is removed meanwhile. */
  async #holdingSnapshot<T>(
    session: SessionRecord,
    lun: SessionLun,
    name: string,
    work: (chain: readonly ChainLink[]) => Promise<T>,
  ): Promise<T> {
    const { life, disks, garbage } = this.#parts;
    const { luns } = life.snapshotOf(session, name);
    const layer = luns.find((candidate) => candidate.lun === lun.lun)?.layer ?? null;
    const chain = disks.linksOfLayer(lun.image, layer);
    if (chain.length === 0)
      throw new ApplianceError("bad-request", `Snapshot ${name} holds nothing: the disk was blank then`);
    try {
      return await garbage.holding(
        chain.map(({ path }) => basename(path)),
        async () => {
          await disks.mendBeneath(chain);
          return work(chain);
        },
      );
    } finally {
      await garbage.collect();
    }
  }

  /** What the image comes from, the nearest first: its base as it is known now, and what that one came from. */
  #lineageOf({ id }: SessionRecord, { image }: SessionLun, { snapshot }: DiskChoice): readonly Ancestor[] {
    const base = this.#parts.library.find(image);
    return [
      {
        image,
        name: base?.names[0] ?? null,
        session: id,
        snapshot: snapshot ?? null,
        at: new Date().toISOString(),
      },
      ...(base?.lineage ?? []),
    ];
  }
}

/** Begins a download's order; whatever ends it before the disk was lent is told. */
function start(jobs: CopyJobs, order: CopyOrder, onFailure: (error: unknown) => void): void {
  try {
    jobs.start({
      ...order,
      work: async (...given) => {
        try {
          return await order.work(...given);
        } catch (error) {
          onFailure(error);
          throw error;
        }
      },
    });
  } catch (error) {
    onFailure(error);
  }
}

function progressOf(onProgress: Progress, totalBytes: number): (doneBytes: number) => void {
  return (doneBytes) => onProgress({ doneBytes, totalBytes, writtenBytes: doneBytes });
}

async function writeFile(
  chain: readonly ChainLink[],
  { path, format, replace = false }: ExportRequest,
  signal: AbortSignal,
  onProgress: Progress,
): ReturnType<CopyOrder["work"]> {
  try {
    const { writtenBytes } = await exportDisk({ chain, target: path, format, replace, signal, onProgress });
    giveToCaller(path);
    return { image: null, path, writtenBytes };
  } catch (error) {
    throw exportError(error, path);
  }
}

/** What can be told at once need not wait for the end of a copy. */
function checkTarget({ path, replace = false }: ExportRequest): void {
  if (!replace && existsSync(path))
    throw new ApplianceError(
      "already-exists",
      `${path} is there already`,
      "Choose another name, or --force.",
    );
  if (!existsSync(dirname(path)))
    throw new ApplianceError("bad-request", `There is no folder ${dirname(path)}`, "Make it first.");
}

function withSnapshotFix(id: string, who: string): ApplianceError {
  const { message } = inUse(id, who);
  return new ApplianceError(
    "in-use",
    message,
    "Log out there first, or take a snapshot with --live and use that: --snapshot NAME",
  );
}
