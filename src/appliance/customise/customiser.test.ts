import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderCmdline } from "../boot/cmdline.ts";
import { EventLog } from "../events.ts";
import { StateDatabase } from "../state/database.ts";
import { Customiser } from "./customiser.ts";
import { namesOf } from "./names.ts";

let folder: string;
let database: StateDatabase;
let customiser: Customiser;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pinetboot-customiser-"));
  database = new StateDatabase(join(folder, "pinetboot.db"));
  customiser = new Customiser(database.sqlite, new EventLog());
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

test("every Pi has a host name and a machine id of its own, the same at each boot", () => {
  const [first, second] = ["8d3fa2c1", "dc:a6:32:01:36:c2"].map((key) => customiser.bootNames(key));
  expect(first).toEqual({
    hostname: "pi-8d3fa2c1",
    machineId: expect.stringMatching(/^[0-9a-f]{12}4[0-9a-f]{3}[89ab]/),
  });
  expect(second?.hostname).toBe("pi-dca6320136c2");
  expect(first?.machineId).toHaveLength(32);
  expect(second?.machineId).not.toBe(first?.machineId);
  expect(customiser.bootNames("8d3fa2c1")).toEqual(first);
  const line = renderCmdline({ serverAddress: "192.168.1.1", reportPort: 1, names: namesOf("8d3fa2c1") });
  expect(line).toEndWith(` systemd.hostname=pi-8d3fa2c1 systemd.machine_id=${first?.machineId}`);
});

test("the settings of the session that a Pi boots from come before its own", () => {
  database.sqlite.run("PRAGMA foreign_keys = OFF");
  customiser.set("pi", "8d3fa2c1", { hostname: "kitchen" });
  customiser.set("session", "abc", { hostname: "lab" });
  customiser.set("session", "def", { locale: "de_DE.UTF-8" });
  expect(customiser.bootNames("8d3fa2c1", "abc")?.hostname).toBe("lab");
  expect(customiser.bootNames("8d3fa2c1", "def")?.hostname).toBe("kitchen");
  expect(customiser.bootNames("8d3fa2c1", "none")?.hostname).toBe("kitchen");
  customiser.set("pi", "8d3fa2c1", { keepNames: true });
  expect(customiser.bootNames("8d3fa2c1", "abc")?.hostname).toBe("lab");
  expect(customiser.bootNames("8d3fa2c1", "def")).toBeUndefined();
});

test("a Pi's settings name it, follow it to its better key, and go when they are taken back", () => {
  customiser.set("pi", "dc:a6:32:01:36:c2", { hostname: "kitchen" });
  customiser.movePi("dc:a6:32:01:36:c2", "8d3fa2c1");
  expect(customiser.get("pi", "dc:a6:32:01:36:c2")).toBeUndefined();
  expect(customiser.bootNames("8d3fa2c1")?.hostname).toBe("kitchen");
  customiser.set("pi", "8d3fa2c1", { keepNames: true });
  expect(customiser.bootNames("8d3fa2c1")).toBeUndefined();
  customiser.set("pi", "8d3fa2c1", undefined);
  expect(customiser.bootNames("8d3fa2c1")?.hostname).toBe("pi-8d3fa2c1");
});
