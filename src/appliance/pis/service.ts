/** What a person can do with Pis: look, choose, forget. */
import type { ImageLibrary } from "../../images/library.ts";
import type { Customiser } from "../customise/customiser.ts";
import { ApplianceError } from "../errors.ts";
import type { ApplianceEvent, EventLog } from "../events.ts";
import { BLANK } from "../sessions/record.ts";
import type { SessionService } from "../sessions/service.ts";
import { type Assignment, parsePiKey, type PiRecord } from "./record.ts";
import type { PiRegistry } from "./registry.ts";

export interface PiView extends PiRecord {
  /** Its latest event, or null when there was none since the server started. */
  readonly latest: ApplianceEvent | null;
  /** Ids of its sessions. */
  readonly sessions: readonly string[];
  /** It is kept out of a disk of its until it boots anew. */
  readonly fenced: boolean;
}

export interface PiServiceParts {
  readonly registry: PiRegistry;
  readonly sessions: SessionService;
  readonly library: ImageLibrary;
  readonly events: EventLog;
  readonly customiser: Customiser;
}

export class PiService {
  readonly #parts: PiServiceParts;
  /** Called when a choice was made or taken back, so that a Pi that waits for it goes on. */
  onChange: () => void = () => undefined;

  constructor(parts: PiServiceParts) {
    this.#parts = parts;
  }

  list(): readonly PiView[] {
    return this.#parts.registry.all().map((pi) => this.#view(pi));
  }

  /** By serial (8 to 16 hex digits), key or MAC. Throws "not-found". */
  get(name: string): PiView {
    return this.#view(this.#find(name));
  }

  /** Chooses what a Pi boots; it need not have been seen yet. The choice survives a power cut. */
  assign(name: string, choice: Assignment): PiView {
    const key = this.#keyOf(name);
    const image = this.#parts.library.find(choice.image);
    if (!image)
      throw new ApplianceError(
        "not-found",
        `There is no image ${choice.image}`,
        "pinetboot image list shows what there is.",
      );
    if (image.id === BLANK)
      throw new ApplianceError("bad-request", "A blank disk has nothing to boot", "Choose an image.");
    const pi = this.#parts.registry.assign(key, { ...choice, image: image.id });
    const words = `Boots ${image.names[0] ?? image.id.slice(0, 12)} from now on`;
    this.#parts.events.emit({ pi: key, stage: "server", state: "ok", detail: words });
    this.onChange();
    return this.#view(pi);
  }

  /** Forgets a Pi and removes its sessions. Refused ("in-use") while its disk is in use, unless forced. */
  async forget(name: string, { force = false } = {}): Promise<void> {
    const { key } = this.#find(name);
    for (const session of this.#parts.sessions.all())
      if (session.pi === key) await this.#parts.sessions.remove(session.id, { force });
    this.#parts.registry.forget(key);
    this.#parts.customiser.set("pi", key, undefined);
    this.onChange();
  }

  #find(name: string): PiRecord {
    const key = this.#keyOf(name);
    const pi = this.#parts.registry.byKey(key) ?? this.#parts.registry.byMac(key);
    if (!pi) throw new ApplianceError("not-found", `No Pi ${name} was seen`, "pinetboot pi list");
    return pi;
  }

  #keyOf(name: string): string {
    const alike = this.#parts.registry.withCode(name);
    if (alike.length > 1)
      throw new ApplianceError(
        "bad-request",
        `${name.toUpperCase()} is the code of ${alike.length} Pis: ${alike.map(({ key }) => key).join(", ")}`,
        "Give the whole of one.",
      );
    if (alike[0]) return alike[0].key;
    const key = parsePiKey(name);
    if (key === undefined)
      throw new ApplianceError(
        "bad-request",
        `"${name}" is neither a serial number nor a MAC, nor the code of a Pi that was seen`,
        "Give 8 to 16 hex digits, a MAC like dc:a6:32:01:36:c2, or the four digits that the Pi's screen shows.",
      );
    return this.#parts.registry.byKey(key)?.key ?? this.#parts.registry.byMac(key)?.key ?? key;
  }

  #view(pi: PiRecord): PiView {
    const sessions = this.#parts.sessions.all().filter((session) => session.pi === pi.key);
    return {
      ...pi,
      latest: this.#parts.events.latestOf(pi.key) ?? null,
      sessions: sessions.map(({ id }) => id),
      fenced: sessions.some(({ id }) => this.#parts.sessions.fenceOf(id) !== null),
    };
  }
}
