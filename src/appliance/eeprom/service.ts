/**
 * Updates of Pis' EEPROMs over the network: the bootloader of a Pi 4 or 5 that netboots asks for pieeprom.sig and
 * pieeprom.upd under its own folder, writes what is newer than itself, and restarts.
 */
import {
  bootconfGet,
  type EepromChip,
  firmwareFor,
  makeEepromUpdate,
  netconsoleFrom,
  signatureTime,
} from "../../shim/index.ts";
import { ApplianceError } from "../errors.ts";
import type { EventLog } from "../events.ts";
import type { PiRecord } from "../pis/record.ts";
import type { BootloaderRecord, EepromOffer } from "./record.ts";
import type { EepromStore } from "./store.ts";

/** What the bootloader asks for, below its prefix. */
const SIGNATURE = "pieeprom.sig";
const UPDATE = "pieeprom.upd";

const CHIP_OF_MODEL: readonly { readonly pattern: RegExp; readonly chip: EepromChip }[] = [
  { pattern: /Raspberry Pi (?:4|400|Compute Module 4S?)\b/, chip: "2711" },
  { pattern: /Raspberry Pi (?:5|500|Compute Module 5)\b/, chip: "2712" },
];

export interface EepromWish {
  readonly bootOrder: string | undefined;
  /** True sends the firmware's log to this server's network, false no longer; undefined changes nothing. */
  readonly netconsole: boolean | undefined;
}

export interface EepromView {
  /** The Pi's. */
  readonly key: string;
  readonly bootloader: BootloaderRecord | undefined;
  readonly offer: EepromOffer | undefined;
}

export interface EepromServiceParts {
  readonly store: EepromStore;
  readonly events: EventLog;
  /** Where a person has put Raspberry Pi's files. */
  readonly firmwareFolder: string;
  /** The Pi of a serial, key or MAC; throws ApplianceError. */
  readonly find: (name: string) => PiRecord;
}

export class EepromService {
  readonly #parts: EepromServiceParts;
  /** Called when a firmware is to send its log from now on. */
  onNetconsole: () => void = () => undefined;

  constructor(parts: EepromServiceParts) {
    this.#parts = parts;
  }

  /** Throws "not-found" for an unknown Pi. */
  view(name: string): EepromView {
    const { key } = this.#parts.find(name);
    return { key, bootloader: this.#parts.store.bootloader(key), offer: this.#parts.store.offer(key) };
  }

  /**
   * Offers an update, once; an offer before it is replaced. Throws "bad-request" for a board without an EEPROM or
   * settings that are none, "not-found" without Raspberry Pi's files.
   */
  async offer(name: string, wish: EepromWish): Promise<EepromOffer> {
    const { store, events, firmwareFolder } = this.#parts;
    const pi = this.#parts.find(name);
    if (wish.bootOrder === undefined && wish.netconsole === undefined)
      throw new ApplianceError(
        "bad-request",
        "Nothing is to be changed",
        "Say --boot-order 0xf21 or --netconsole.",
      );
    const files = await firmwareFor(firmwareFolder, chipOf(pi));
    const known = store.bootloader(pi.key);
    // A shim that could not read the settings says none.
    const current = known?.config === "" ? undefined : known?.config;
    const wanted = wish.netconsole === true ? linkLocalOf(pi.key) : null;
    // The bootloader takes only what is newer than itself.
    const seconds = Math.max(signatureTime(), (known?.writtenAt ?? 0) + 1);
    const update = makeEepromUpdate(
      files.image,
      {
        bootOrder: wish.bootOrder,
        netconsole: wish.netconsole === undefined ? undefined : wanted && netconsoleFrom(wanted),
      },
      { current, seconds },
    );
    // One that was set before, by us or by hand, goes on.
    const source = /@([\d.]+)\//.exec(bootconfGet(update.bootconf, "NETCONSOLE") ?? "")?.[1] ?? null;
    const offer: EepromOffer = {
      state: "offered",
      bootOrder: bootconfGet(update.bootconf, "BOOT_ORDER") ?? null,
      netconsoleSource: source,
      keepsSettings: current !== undefined,
      seconds,
      changedAt: Date.now(),
    };
    store.putOffer(pi.key, offer, update);
    events.emit({
      pi: pi.key,
      stage: "server",
      state: "ok",
      detail: `An EEPROM update is offered (BOOT_ORDER=${offer.bootOrder ?? "as it is"}); the Pi takes it when it next starts over the network`,
    });
    if (source !== null) this.onNetconsole();
    return offer;
  }

  /** Takes an offer back. Throws "not-found" without one, "in-use" when the Pi has it already. */
  cancel(name: string): void {
    const { store, events } = this.#parts;
    const { key } = this.#parts.find(name);
    const offer = store.offer(key);
    if (!offer) throw new ApplianceError("not-found", `Nothing is offered to Pi ${key}`);
    if (offer.state === "fetched")
      throw new ApplianceError(
        "in-use",
        `Pi ${key} has fetched the update already`,
        "Offer it the settings that you want instead.",
      );
    store.removeOffer(key);
    events.emit({ pi: key, stage: "server", state: "ok", detail: "The EEPROM update is no longer offered" });
  }

  /** What a Pi's bootloader gets for a name below its folder; undefined for any other name, and when nothing is offered. */
  file(pi: string, path: string): Uint8Array | undefined {
    if (path !== SIGNATURE && path !== UPDATE) return undefined;
    const { store } = this.#parts;
    if (store.offer(pi)?.state !== "offered") return undefined;
    const files = store.files(pi);
    if (!files) return undefined;
    return path === UPDATE ? files.image : new TextEncoder().encode(files.signature);
  }

  /** A file was sent whole. */
  sent(pi: string, path: string): void {
    const { store, events } = this.#parts;
    if (path !== UPDATE || store.offer(pi)?.state !== "offered") return;
    store.setState(pi, "fetched", Date.now());
    events.emit({
      pi,
      stage: "server",
      state: "progress",
      detail: "The EEPROM update was fetched; the Pi writes it and restarts",
      fix: "Leave its power on.",
    });
  }

  /** What the shim says of the bootloader that started it. */
  report(pi: string, bootloader: BootloaderRecord): void {
    const { store, events } = this.#parts;
    store.putBootloader(pi, bootloader);
    const offer = store.offer(pi);
    if (!offer || offer.state === "done" || bootloader.writtenAt === null) return;
    if (bootloader.writtenAt >= offer.seconds) {
      store.setState(pi, "done", Date.now());
      const order = bootconfGet(bootloader.config, "BOOT_ORDER");
      const words = order === undefined ? "its settings are not told" : `BOOT_ORDER=${order}`;
      events.emit({ pi, stage: "server", state: "ok", detail: `The EEPROM is updated: ${words}` });
    } else if (offer.state === "fetched") {
      store.setState(pi, "offered", Date.now());
      events.emit({
        pi,
        stage: "server",
        state: "fail",
        detail: "The Pi fetched the EEPROM update and did not write it: it is offered again",
        fix: "Is ENABLE_SELF_UPDATE=0 or FREEZE_VERSION=1 set on it? pinetboot pi eeprom SERIAL --cancel takes it back.",
      });
    }
  }

  /** The Pi whose firmware sends its log from an address. */
  piOfNetconsole(address: string): string | undefined {
    return this.#parts.store.netconsoleSources().get(address);
  }

  /** Whether any firmware was told to send its log. */
  get hasNetconsole(): boolean {
    return this.#parts.store.netconsoleSources().size > 0;
  }
}

function chipOf({ key, model }: PiRecord): EepromChip {
  const row = CHIP_OF_MODEL.find(({ pattern }) => pattern.test(model ?? ""));
  if (row) return row.chip;
  if (model === null)
    throw new ApplianceError(
      "bad-request",
      `Pi ${key} has not said yet what model it is`,
      "Start it once over the network.",
    );
  throw new ApplianceError(
    "bad-request",
    `Pi ${key} is a ${model}: it has no bootloader EEPROM`,
    "A Pi 3B is set to start over the network by a card: pinetboot sdcard OUT --pi3-otp",
  );
}

/** An address of 169.254/16 for a firmware to send from, which tells the Pi: from its key, so that it stays. */
function linkLocalOf(key: string): string {
  const hash = Bun.hash.crc32(key);
  // The first and the last 256 addresses are reserved (RFC 3927, 2.1).
  return `169.254.${1 + ((hash >>> 8) % 254)}.${1 + ((hash & 0xff) % 254)}`;
}
