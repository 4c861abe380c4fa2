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
    prepare: () => undefined,
    write: fail,
    discard: fail,
    extents: () => [],
    flush: async () => fail(),
  };
}

function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
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
  expect(await failureOf(disk.flush())).toMatchObject({ code: "ENOSPC" });
  expect(told).toHaveLength(2);
});

test("another failure is told with the host's words", async () => {
  const told: Trouble[] = [];
  const disk = new WatchedDisk(failingDevice("EIO"), (trouble) => told.push(trouble));
  expect(await failureOf(disk.read(new Uint8Array(512), 0))).toMatchObject({ code: "EIO" });
  expect(told[0]?.detail).toContain("EIO: it failed");
});
