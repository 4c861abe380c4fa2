import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { MIGRATIONS } from "../state/schema.ts";
import { type Assignment, parsePiKey } from "./record.ts";
import { PiRegistry, UNAPPROVED_PIS_MAX } from "./registry.ts";

const assignment: Assignment = {
  image: "i",
  mode: "pivot",
  variant: "ethernet",
  persistent: true,
  readOnly: false,
};
const mac = "dc:a6:32:01:36:c2";

function newDatabase(): Database {
  const sqlite = new Database(":memory:", { strict: true });
  for (const migration of MIGRATIONS) sqlite.run(migration);
  return sqlite;
}

test.each([
  ["100000008d3fa2c1", "8d3fa2c1"],
  ["8D3FA2C1", "8d3fa2c1"],
  ["DC-A6-32-01-36-C2", mac],
  [mac, mac],
  ["8d3fa2c", undefined],
  ["00000000", undefined],
  ["../../etc", undefined],
])("%p names the Pi %p", (text, key) => {
  expect(parsePiKey(text)).toBe(key);
});

test("a Pi is found by the code on its screen, and two that end alike are both found", () => {
  const registry = new PiRegistry(newDatabase());
  registry.see({ serial: "10000000ddb41a0c" });
  registry.see({ mac: "dc:a6:32:01:36:c2" });
  registry.see({ serial: "1000000000001a0c" });
  expect(registry.withCode("1a0c").map(({ key }) => key)).toEqual(["ddb41a0c", "00001a0c"]);
  expect(registry.withCode("36C2").map(({ key }) => key)).toEqual(["dc:a6:32:01:36:c2"]);
  expect(registry.withCode("a0c")).toEqual([]);
});

test("a Pi first known by its MAC keeps what was chosen for it when its serial is heard", () => {
  const registry = new PiRegistry(newDatabase());
  registry.see({ mac });
  registry.assign(mac, assignment);
  const pi = registry.see({ serial: "8d3fa2c1", mac });
  expect(pi).toMatchObject({ key: "8d3fa2c1", mac, assignment });
  expect(registry.all()).toHaveLength(1);
});

test("a Pi that was chosen for by its serial and then seen by its MAC alone is one Pi when it tells both", () => {
  const registry = new PiRegistry(newDatabase());
  const joined: string[] = [];
  registry.onJoin = (from, to) => joined.push(`${from} ${to}`);
  registry.assign("8d3fa2c1", assignment);
  registry.see({ mac });
  expect(registry.all()).toHaveLength(2);
  expect(registry.see({ serial: "8d3fa2c1", mac })).toMatchObject({ key: "8d3fa2c1", mac, assignment });
  expect(registry.all()).toHaveLength(1);
  expect(joined).toEqual([`${mac} 8d3fa2c1`]);
});

test("a choice made under the MAC is not lost when the serial was seen before", () => {
  const registry = new PiRegistry(newDatabase());
  registry.see({ serial: "8d3fa2c1" });
  registry.assign(mac, assignment);
  expect(registry.see({ serial: "8d3fa2c1", mac })?.assignment).toEqual(assignment);
  expect(registry.all()).toHaveLength(1);
});

test("a Pi 3 that was chosen for by its serial is known by its MAC, which ends in the same digits", () => {
  const registry = new PiRegistry(newDatabase());
  registry.assign("a1b2c301", assignment);
  expect(registry.see({ mac: "b8:27:eb:b2:c3:01" })).toMatchObject({ key: "a1b2c301", assignment });
  expect(registry.see({ mac: "dc:a6:32:b2:c3:01" })?.key).toBe("dc:a6:32:b2:c3:01");
});

test("the fuller serial stays, and each sighting adds what it knows", () => {
  const registry = new PiRegistry(newDatabase());
  registry.see({ serial: "8d3fa2c1", mac, model: "Raspberry Pi 4" });
  registry.see({ serial: "100000008d3fa2c1", address: "10.0.0.7" });
  expect(registry.see({ serial: "8d3fa2c1" })).toMatchObject({
    serial: "100000008d3fa2c1",
    mac,
    model: "Raspberry Pi 4",
    address: "10.0.0.7",
  });
});

test("what was seen and chosen is there after a restart", () => {
  const sqlite = newDatabase();
  const before = new PiRegistry(sqlite);
  before.see({ serial: "8d3fa2c1", mac, address: "10.0.0.7" });
  before.assign("8d3fa2c1", assignment);
  expect(new PiRegistry(sqlite).all()).toEqual(before.all());
  before.forget("8d3fa2c1");
  expect(new PiRegistry(sqlite).all()).toEqual([]);
});

test("invented Pis are not recorded without end, and one that was chosen for is always taken on", () => {
  const registry = new PiRegistry(newDatabase());
  for (let index = 1; index <= UNAPPROVED_PIS_MAX; index++)
    registry.see({ serial: index.toString(16).padStart(8, "0") });
  expect(registry.see({ serial: "ffffffff" })).toBeUndefined();
  registry.assign("ffffffff", assignment);
  expect(registry.see({ serial: "ffffffff" })?.assignment).toEqual(assignment);
});

test("of two Pis that had an address, the one seen later has it", () => {
  let now = 0;
  const registry = new PiRegistry(newDatabase(), () => (now += 60_000));
  registry.see({ serial: "00000001", address: "10.0.0.7" });
  registry.see({ serial: "00000002", address: "10.0.0.7" });
  expect(registry.byAddress("10.0.0.7")?.key).toBe("00000002");
});
