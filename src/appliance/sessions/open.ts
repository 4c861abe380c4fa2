/** Puts together what sessions are made of, over one data folder. */
import { growPartitions } from "../../disk/grow-last-partition.ts";
import type { ImageLibrary } from "../../images/library.ts";
import { wordsOf } from "../errors.ts";
import type { EventLog } from "../events.ts";
import { formatSize } from "../sizes.ts";
import type { StateDatabase } from "../state/database.ts";
import { Catalogue } from "./catalogue.ts";
import { type DiskPreparer, SessionDisks } from "./disks.ts";
import { Garbage } from "./garbage.ts";
import { SessionLife } from "./life.ts";
import { OverlayFolder } from "./overlay-folder.ts";
import type { SessionRecord } from "./record.ts";
import { SessionService } from "./service.ts";
import { SessionStore } from "./store.ts";

export interface OpenSessionsOptions {
  /** The path of `overlays/`. */
  readonly folder: string;
  readonly database: StateDatabase;
  readonly library: ImageLibrary;
  readonly events: EventLog;
  readonly preparers?: readonly DiskPreparer[];
  readonly now?: () => number;
}

export interface OpenSessions {
  readonly sessions: SessionService;
  readonly life: SessionLife;
  readonly disks: SessionDisks;
  readonly garbage: Garbage;
  readonly catalogue: Catalogue;
  readonly folder: OverlayFolder;
}

/** Opens the sessions; what a kill left half done or half removed is cleared away. */
export async function openSessions(options: OpenSessionsOptions): Promise<OpenSessions> {
  const { database, library, events, now } = options;
  const say = (session: SessionRecord, state: "progress" | "fail", detail: string, fix?: string): void => {
    events.emit({ pi: session.pi, stage: "session", state, detail, ...(fix !== undefined && { fix }) });
  };
  const folder = new OverlayFolder(options.folder);
  await folder.sweep();
  const store = new SessionStore(database.sqlite);
  const catalogue = new Catalogue(database.sqlite);
  const garbage = new Garbage({ store, catalogue, folder, database });
  const disks = new SessionDisks({
    folder,
    library,
    catalogue,
    preparers: [growToDisk(library), ...(options.preparers ?? [])],
    onRecovery: (session, lun, words) => say(session, "progress", `Disk ${lun} of ${session.id}: ${words}`),
    onMade: (session, lun) => {
      try {
        store.markMade(session.id, lun);
      } catch (error) {
        // The disk is there all the same; the next login notes it again.
        say(session, "fail", `The record of session ${session.id} could not be written: ${wordsOf(error)}`);
      }
    },
    onQuota: (session, level, usedBytes) => {
      const quota = formatSize(store.byId(session.id)?.quotaBytes ?? 0);
      const { id } = session;
      const fix = `Raise it (pinetboot session set ${id} --quota SIZE), or free space in the guest (fstrim -av).`;
      if (level === 0) say(session, "progress", `Session ${id} has room in its quota again`);
      else if (level === 1)
        say(session, "fail", `Session ${id} has used up its quota of ${quota}: writes are refused`, fix);
      else
        say(
          session,
          "progress",
          `Session ${id} has used ${level * 100} % of its quota of ${quota} (${formatSize(usedBytes)})`,
          fix,
        );
    },
  });
  const sessions = new SessionService({
    database,
    store,
    library,
    disks,
    garbage,
    events,
    ...(now && { now }),
  });
  const life = new SessionLife({
    sessions,
    store,
    catalogue,
    folder,
    disks,
    garbage,
    database,
    events,
    ...(now && { now }),
  });
  await garbage.collect();
  return { sessions, life, disks, garbage, catalogue, folder };
}

/** A disk that is larger than its image: the partition table is fitted to it before anyone has seen it. */
function growToDisk(library: ImageLibrary): DiskPreparer {
  return (_session, { image, sizeBytes }) => {
    if (sizeBytes <= library.get(image).sizeBytes) return undefined;
    return async (disk) => {
      await growPartitions(disk);
    };
  };
}
