/** What a person can do with Pis: look, name, choose, reset, ask something of, forget. */
import { withNearName } from "../../images/near-name.ts";
import type { WaitingRoom } from "../boot/hold.ts";
import type { PiOrder, PiOrders } from "../boot/orders.ts";
import type { Consoles } from "../consoles.ts";
import type { ImageLibrary } from "../../images/library.ts";
import type { Customiser } from "../customise/customiser.ts";
import type { EepromStore } from "../eeprom/store.ts";
import { ApplianceError } from "../errors.ts";
import type { ApplianceEvent, EventLog } from "../events.ts";
import type { SessionLife } from "../sessions/life.ts";
import { BLANK } from "../sessions/record.ts";
import type { SessionService } from "../sessions/service.ts";
import { checkGroup, checkLabel } from "./names.ts";
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
  readonly life: SessionLife;
  readonly library: ImageLibrary;
  readonly events: EventLog;
  readonly customiser: Customiser;
  readonly consoles: Consoles;
  readonly orders: PiOrders;
  readonly waiting: WaitingRoom;
  readonly eeprom: EepromStore;
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
        withNearName(choice.image, this.#parts.library.names(), "pinetboot image list shows what there is."),
      );
    if (image.id === BLANK)
      throw new ApplianceError("bad-request", "A blank disk has nothing to boot", "Choose an image.");
    const pi = this.#parts.registry.assign(key, { ...choice, image: image.id });
    const words = `Boots ${image.names[0] ?? image.id.slice(0, 12)} from now on`;
    this.#parts.events.emit({ pi: key, stage: "server", state: "ok", detail: words });
    this.onChange();
    return this.#view(pi);
  }

  /** Gives a Pi a name and puts it into a group; null takes that away, what is not given stays. It need not have been seen. */
  name(
    name: string,
    { label, group }: { label?: string | null | undefined; group?: string | null | undefined },
  ): PiView {
    const key = this.#keyOf(name);
    const { registry } = this.#parts;
    if (label != null) {
      checkLabel(label);
      const other = registry.all().find((pi) => pi.label === label && pi.key !== key);
      if (other)
        throw new ApplianceError(
          "already-exists",
          `Pi ${other.key} is called ${label} already`,
          "Choose another name.",
        );
    }
    if (group != null) checkGroup(group);
    return this.#view(
      registry.name(key, { ...(label !== undefined && { label }), ...(group !== undefined && { group }) }),
    );
  }

  /** Throws away what a Pi wrote: its disks begin with their images again. Refused ("in-use") while it runs. In words. */
  async reset(name: string): Promise<string> {
    const { key } = this.#find(name);
    const own = this.#parts.sessions.all().filter(({ pi }) => pi === key);
    for (const { id } of own) await this.#parts.life.reset(id);
    return own.length === 0 ? "It has no disk yet" : "Its disk begins with its image again";
  }

  /** Asks something of the shim on a Pi; returns what comes of it in words. Throws "unheard" when nothing there listens. */
  order(name: string, order: PiOrder): string {
    const { key } = this.#find(name);
    const { orders, waiting, events } = this.#parts;
    const { hears, detail, fix } = orders.give(key, order, waiting.isWaiting(key));
    if (!hears) throw new ApplianceError("unheard", detail, fix ?? undefined);
    waiting.call(key);
    events.emit({ pi: key, stage: "server", state: "ok", detail });
    return detail;
  }

  /** Forgets a Pi and removes its sessions. Refused ("in-use") while its disk is in use, unless forced. */
  async forget(name: string, { force = false } = {}): Promise<void> {
    const { key } = this.#find(name);
    for (const session of this.#parts.sessions.all())
      if (session.pi === key) await this.#parts.sessions.remove(session.id, { force });
    this.#parts.registry.forget(key);
    this.#parts.customiser.set("pi", key, undefined);
    this.#parts.consoles.forget(key);
    this.#parts.eeprom.remove(key);
    this.onChange();
  }

  /** The key that a name of any kind means, or the name itself when it means none. */
  keyOf(name: string): string {
    const isOne = parsePiKey(name) !== undefined || this.#labelled(name) !== undefined;
    return isOne || this.#parts.registry.withCode(name).length === 1 ? this.#keyOf(name) : name;
  }

  #names(): readonly string[] {
    return this.#parts.registry.all().flatMap(({ key, label }) => (label === null ? [key] : [label, key]));
  }

  #labelled(name: string): PiRecord | undefined {
    return this.#parts.registry.all().find(({ label }) => label === name);
  }

  #find(name: string): PiRecord {
    const key = this.#keyOf(name);
    const pi = this.#parts.registry.byKey(key) ?? this.#parts.registry.byMac(key);
    if (!pi)
      throw new ApplianceError(
        "not-found",
        `No Pi ${name} was seen`,
        withNearName(name, this.#names(), "pinetboot pi list"),
      );
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
    const key = parsePiKey(name) ?? this.#labelled(name)?.key;
    if (key === undefined)
      throw new ApplianceError(
        "bad-request",
        `"${name}" is neither a serial number, a MAC, the code of a Pi that was seen, nor the name of one`,
        withNearName(
          name,
          this.#names(),
          "Give 8 to 16 hex digits, a MAC like dc:a6:32:01:36:c2, or the four digits that the Pi's screen shows.",
        ),
      );
    return this.#parts.registry.byKey(key)?.key ?? this.#parts.registry.byMac(key)?.key ?? key;
  }

  #view(pi: PiRecord): PiView {
    const sessions = this.#parts.sessions.all().filter((session) => session.pi === pi.key);
    return {
      ...pi,
      latest: this.#parts.events.latestOf(pi.key) ?? null,
      sessions: sessions.map(({ id }) => id),
      fenced: sessions.some(({ id }) => this.#parts.sessions.fence.fenceOf(id) !== null),
    };
  }
}
