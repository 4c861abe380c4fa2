import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeEeprom } from "../../../test/support/eeprom-maker.ts";
import { EventLog } from "../events.ts";
import type { PiRecord } from "../pis/record.ts";
import { StateDatabase } from "../state/database.ts";
import { EepromService } from "./service.ts";
import { EepromStore } from "./store.ts";

let folder = "";
let database: StateDatabase;
let eeprom: EepromService;
let store: EepromStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pinetboot-eeprom-"));
  const firmwareFolder = join(folder, "firmware");
  mkdirSync(firmwareFolder);
  writeFileSync(join(firmwareFolder, "pieeprom.bin"), makeEeprom());
  database = new StateDatabase(join(folder, "pinetboot.db"));
  store = new EepromStore(database.sqlite);
  eeprom = new EepromService({ store, events: new EventLog(), firmwareFolder, find: piOf });
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

function piOf(key: string): PiRecord {
  return {
    key,
    serial: null,
    mac: null,
    model: "Raspberry Pi 400 Rev 1.0",
    address: null,
    assignment: null,
    label: null,
    group: null,
    firstSeen: 0,
    lastSeen: 0,
  };
}

test("each firmware is told an address of its own to send its log from, by which its Pi is known", async () => {
  let wanted = 0;
  eeprom.onNetconsole = () => {
    wanted += 1;
  };
  const wish = { bootOrder: undefined, netconsole: true };
  const sources = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const key = `8d3fa2${i.toString(16).padStart(2, "0")}`;
    const { netconsoleSource } = await eeprom.offer(key, wish);
    expect(netconsoleSource).toMatch(/^169\.254\.(?!0\.|255\.)\d+\.\d+$/);
    expect(eeprom.piOfNetconsole(netconsoleSource ?? "")).toBe(key);
    sources.add(netconsoleSource ?? "");
  }
  expect(sources.size).toBe(20);
  expect(wanted).toBe(20);
  expect(eeprom.hasNetconsole).toBe(true);
  expect(eeprom.piOfNetconsole("169.254.255.1")).toBeUndefined();
});

test("a log that the Pi sends already is its own still when something else is changed", async () => {
  eeprom.report("8d3fa2c1", { config: "NETCONSOLE=6665@169.254.1.1/,6666@/\n", writtenAt: 5, seenAt: 0 });
  await eeprom.offer("8d3fa2c1", { bootOrder: "0xf21", netconsole: undefined });
  expect(eeprom.piOfNetconsole("169.254.1.1")).toBe("8d3fa2c1");
});

test("a log that is switched off again is out of the settings, and a boot order that is not named stays", async () => {
  eeprom.report("8d3fa2c1", {
    config: "BOOT_ORDER=0xf1\nNETCONSOLE=@169.254.1.1/,@/\n",
    writtenAt: 5,
    seenAt: 0,
  });
  const { bootOrder } = await eeprom.offer("8d3fa2c1", { bootOrder: undefined, netconsole: false });
  expect(bootOrder).toBe("0xf1");
  expect(eeprom.hasNetconsole).toBe(false);
  expect(Buffer.from(eeprom.file("8d3fa2c1", "pieeprom.upd") ?? "").includes("NETCONSOLE")).toBe(false);
});

test("a report without settings is no settings to keep", async () => {
  eeprom.report("8d3fa2c1", { config: "", writtenAt: 5, seenAt: 0 });
  const { keepsSettings } = await eeprom.offer("8d3fa2c1", { bootOrder: "0xf21", netconsole: undefined });
  expect(keepsSettings).toBe(false);
  expect(Buffer.from(eeprom.file("8d3fa2c1", "pieeprom.upd") ?? "").includes("WAKE_ON_GPIO=1")).toBe(true);
});

test("an offer is there after a restart, follows its Pi to another key, and goes with it", async () => {
  await eeprom.offer("8d3fa2c1", { bootOrder: "0xf21", netconsole: true });
  store.movePi("8d3fa2c1", "8d3fa2c2");
  expect(eeprom.view("8d3fa2c1").offer).toBeUndefined();
  const again = new EepromStore(database.sqlite);
  expect(again.offer("8d3fa2c2")?.bootOrder).toBe("0xf21");
  again.remove("8d3fa2c2");
  expect(eeprom.file("8d3fa2c2", "pieeprom.upd")).toBeUndefined();
});
