import { expect, test } from "bun:test";
import type { BlockDevice } from "iscsi-target-ts";
import { type Trouble, WatchedDisk } from "./watched-disk.ts";

function failingDevice(code: string): Required<BlockDevice> {
  const fail = (): never => {
    throw Object.assign(new Error(`${code}: it failed`), { code });
  };
  return {
    sizeBytes: 1024,
    readOnly: false,
    tryRead: () => false,
    read: async () => fail(),
    write: fail,
    discard: fail,
    extents: () => [],
    flush: async () => fail(),
  };
}

test("a full disk is told once in a while, and each refused write still throws its errno", async () => {
  let now = 0;
  const told: Trouble[] = [];
  const disk = new WatchedDisk(
    failingDevice("ENOSPC"),
    (trouble) => told.push(trouble),
    () => now,
  );
  for (let round = 0; round < 5; round++) expect(() => disk.write(new Uint8Array(512), 0)).toThrow("ENOSPC");
  expect(told).toHaveLength(1);
  expect(told[0]?.detail).toContain("full");
  now = 60_000;
  await expect(disk.flush()).rejects.toMatchObject({ code: "ENOSPC" });
  expect(told).toHaveLength(2);
});

test("another failure is told with the host's words", async () => {
  const told: Trouble[] = [];
  const disk = new WatchedDisk(failingDevice("EIO"), (trouble) => told.push(trouble));
  await expect(disk.read(new Uint8Array(512), 0)).rejects.toMatchObject({ code: "EIO" });
  expect(told[0]?.detail).toContain("EIO: it failed");
});
