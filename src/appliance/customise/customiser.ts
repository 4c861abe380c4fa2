/**
 * What each Pi and each session is to be like: kept here, and written into a disk when it begins anew over its image.
 * A session's own settings come before those of its Pi.
 */
import type { Database } from "bun:sqlite";
import { FatError } from "../../disk/fat/fat-error.ts";
import type { Layer } from "../../disk/layer.ts";
import { ApplianceError } from "../errors.ts";
import type { EventLog } from "../events.ts";
import type { DiskPreparer } from "../sessions/disks.ts";
import type { SessionRecord } from "../sessions/record.ts";
import { type Applied, applyCustomisation } from "./apply.ts";
import { type BootNames, namesOf } from "./names.ts";
import type { Customisation } from "./settings.ts";
import { CustomiseStore, type Owner } from "./store.ts";

/** The disk that a Pi boots from. */
const BOOT_LUN = 0;

export class Customiser {
  readonly #store: CustomiseStore;
  readonly #events: EventLog;
  readonly #now: () => number;

  constructor(sqlite: Database, events: EventLog, now: () => number = Date.now) {
    this.#store = new CustomiseStore(sqlite);
    this.#events = events;
    this.#now = now;
  }

  get(owner: Owner, id: string): Customisation | undefined {
    return this.#store.get(owner, id);
  }

  /** Counts when the disk begins anew; undefined takes the settings away. */
  set(owner: Owner, id: string, settings: Customisation | undefined): void {
    this.#store.set(owner, id, settings);
  }

  /** What was recorded under one key of a Pi belongs to another from now on. */
  movePi(from: string, to: string): void {
    const settings = this.#store.get("pi", from);
    if (settings && !this.#store.get("pi", to)) this.#store.set("pi", to, settings);
    this.#store.set("pi", from, undefined);
  }

  /** The names that the Pi's kernel is told (`session` is what it boots from); undefined to keep those of its image. */
  bootNames(pi: string, session?: string): BootNames | undefined {
    const own = session === undefined ? undefined : this.#store.get("session", session);
    const { keepNames, hostname } = merged(this.#store.get("pi", pi), own);
    return keepNames ? undefined : namesOf(pi, hostname);
  }

  readonly prepare: DiskPreparer = (session, { lun }) => {
    if (lun !== BOOT_LUN) return undefined;
    const own = this.#store.get("session", session.id);
    const ofPi = session.pi === null ? undefined : this.#store.get("pi", session.pi);
    const settings = merged(ofPi, own);
    const isWanted = own !== undefined || ofPi !== undefined;
    // A disk of nobody in particular stays as its image is, unless somebody wants otherwise.
    if (!isWanted && session.pi === null) return undefined;
    return (disk) => this.#write(disk, session, settings, isWanted);
  };

  async #write(
    disk: Layer,
    session: SessionRecord,
    settings: Customisation,
    isWanted: boolean,
  ): Promise<void> {
    const name = session.pi ?? session.id;
    const identity = {
      instance: `pinetboot-${session.id}-${this.#now().toString(36)}`,
      hostname: settings.keepNames ? undefined : namesOf(name, settings.hostname).hostname,
    };
    try {
      this.#tell(session, await applyCustomisation(disk, settings, identity), isWanted);
    } catch (error) {
      if (!(error instanceof FatError)) throw error;
      const words = `The boot partition of session ${session.id} cannot be written: ${error.message}`;
      // Names of its own are worth no boot; what a person asked for is.
      if (isWanted)
        throw new ApplianceError("bad-request", words, `pinetboot session customise ${session.id} --clear`);
      this.#events.emit({ pi: session.pi, stage: "session", state: "progress", detail: words });
    }
  }

  #tell(session: SessionRecord, { reader, files, needsOwnCmdline }: Applied, isWanted: boolean): void {
    const say = (state: "progress" | "fail", detail: string, fix?: string): void => {
      this.#events.emit({
        pi: session.pi,
        stage: "session",
        state,
        detail,
        ...(fix !== undefined && { fix }),
      });
    };
    if (reader === undefined) {
      if (isWanted)
        say(
          "fail",
          `The disk of session ${session.id} has no boot partition of Raspberry Pi OS: nothing was customised`,
          "Customise an image of Raspberry Pi OS, or of Ubuntu for the Pi.",
        );
      return;
    }
    if (files.length > 0)
      say("progress", `Customised the disk of session ${session.id}: ${files.join(", ")}`);
    if (needsOwnCmdline)
      say(
        "progress",
        "This release takes SSH keys, WiFi, locale, keyboard and time zone only when its disk boots by itself",
        "Use a release with cloud-init (2025-11 or later); user, password and SSH are taken over the network too.",
      );
  }
}

/** A session's settings before its Pi's; its host name also before the wish of the Pi to have none of its own. */
function merged(ofPi: Customisation | undefined, own: Customisation | undefined): Customisation {
  return { ...ofPi, ...own, ...(own?.hostname !== undefined && { keepNames: undefined }) };
}
