/**
 * Everything that belongs to one data folder, open: the state, the images, the sessions, the Pis, the events.
 * Both `serve` and a command that runs without a server stand on it; only one process at a time can.
 */
import { mkdir } from "node:fs/promises";
import { ImageLibrary } from "../images/library.ts";
import { PiOrders } from "./boot/orders.ts";
import { WaitingRoom } from "./boot/hold.ts";
import { Copies } from "./copies/copies.ts";
import { CopyJobs } from "./copies/jobs.ts";
import { Customiser } from "./customise/customiser.ts";
import { EepromService } from "./eeprom/service.ts";
import { EepromStore } from "./eeprom/store.ts";
import { EventLog } from "./events.ts";
import { ImageJobs } from "./images/jobs.ts";
import { Consoles } from "./consoles.ts";
import { LiveFeed } from "./live-feed.ts";
import { Keys } from "./keys/keys.ts";
import { PiRegistry } from "./pis/registry.ts";
import { PiService } from "./pis/service.ts";
import type { SessionLife } from "./sessions/life.ts";
import { OncePerKey } from "./sessions/once.ts";
import { openSessions } from "./sessions/open.ts";
import type { SessionService } from "./sessions/service.ts";
import { StateDatabase } from "./state/database.ts";
import { type Collected, collectGarbage } from "./storage/collect.ts";
import { type StorageUsage, storageUsage } from "./storage/usage.ts";
import { takeFolderLock } from "./state/folder-lock.ts";
import { folderPaths } from "./state/folder.ts";
import { giveToCaller, makeFolder } from "./system/caller.ts";
import { UnansweredLog } from "./unanswered.ts";

export interface Appliance {
  readonly dataFolder: string;
  readonly events: EventLog;
  readonly feed: LiveFeed;
  readonly consoles: Consoles;
  readonly orders: PiOrders;
  /** Questions of shims that are held until something changes. */
  readonly waiting: WaitingRoom;
  /** Who asked something and got nothing. */
  readonly unanswered: UnansweredLog;
  readonly library: ImageLibrary;
  readonly sessions: SessionService;
  readonly life: SessionLife;
  readonly copies: Copies;
  readonly copyJobs: CopyJobs;
  readonly pis: PiService;
  readonly registry: PiRegistry;
  readonly customiser: Customiser;
  readonly eeprom: EepromService;
  readonly imports: ImageJobs;
  readonly keys: Keys;
  readonly once: OncePerKey;
  readonly database: StateDatabase;
  /** Who needs an image, in words; empty when nobody does. */
  usersOfImage(id: string): string[];
  /** What images and sessions take on the host's disk. */
  usage(): Promise<StorageUsage>;
  /** Removes what nobody needs, or shows it. */
  collectGarbage(options: { readonly dryRun: boolean }): Promise<readonly Collected[]>;
  /** Closes every disk and file and gives the folder back. */
  close(): Promise<void>;
}

export interface ApplianceOptions {
  readonly dataFolder: string;
  /** What this process does with the folder, for whoever finds it locked: "pinetboot serve". */
  readonly purpose: string;
}

/**
 * Opens the data folder, which is made when it is not there.
 * Throws ApplianceError "data-folder-locked" or "data-folder-newer".
 */
export async function openAppliance({ dataFolder, purpose }: ApplianceOptions): Promise<Appliance> {
  const paths = folderPaths(dataFolder);
  // The database holds the secrets of the sessions: nobody else may look into the folder.
  makeFolder(dataFolder, 0o700);
  const lock = takeFolderLock(paths.lock, purpose);
  try {
    for (const folder of [paths.images, paths.overlays]) {
      await mkdir(folder, { recursive: true });
      giveToCaller(folder);
    }
    const database = new StateDatabase(paths.database);
    const events = new EventLog();
    const feed = new LiveFeed();
    const consoles = new Consoles(feed);
    const orders = new PiOrders();
    const waiting = new WaitingRoom();
    const library = await ImageLibrary.open(paths.images);
    const customiser = new Customiser(database.sqlite, events);
    const { sessions, life, disks, garbage, catalogue, folder } = await openSessions({
      folder: paths.overlays,
      database,
      library,
      events,
      preparers: [customiser.prepare],
    });
    const registry = new PiRegistry(database.sqlite);
    const eepromStore = new EepromStore(database.sqlite);
    registry.onTrouble = (detail) => events.emit({ stage: "server", state: "fail", detail });
    registry.onJoin = (from, to) => {
      sessions.movePi(from, to);
      customiser.movePi(from, to);
      consoles.movePi(from, to);
      eepromStore.movePi(from, to);
    };
    const pis = new PiService({
      registry,
      sessions,
      life,
      library,
      events,
      customiser,
      consoles,
      orders,
      waiting,
      eeprom: eepromStore,
    });
    const imports = new ImageJobs(library, events);
    const copyJobs = new CopyJobs(events);
    const copies = new Copies({ jobs: copyJobs, library, sessions, life, disks, folder, garbage });
    const usersOfImage = (id: string): string[] => [
      ...sessions.usersOf(id),
      ...copyJobs.usersOf(id),
      ...registry
        .all()
        .filter(({ assignment }) => assignment?.image === id)
        .map(({ key }) => `Pi ${key}`),
    ];
    return {
      dataFolder,
      events,
      feed,
      consoles,
      orders,
      waiting,
      unanswered: new UnansweredLog(),
      library,
      sessions,
      life,
      copies,
      copyJobs,
      registry,
      customiser,
      pis,
      eeprom: new EepromService({
        store: eepromStore,
        events,
        firmwareFolder: paths.firmware,
        find: (name) => pis.get(name),
      }),
      imports,
      keys: new Keys(database.sqlite),
      once: new OncePerKey(database.sqlite, (id) => sessions.all().find((session) => session.id === id)),
      database,
      usersOfImage,
      usage: () => storageUsage({ dataFolder, library, sessions, disks, catalogue }),
      collectGarbage: (options) => collectGarbage({ library, garbage, usersOfImage }, options),
      async close() {
        await imports.cancelAll();
        await copyJobs.cancelAll();
        await disks.closeAll();
        await database.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
