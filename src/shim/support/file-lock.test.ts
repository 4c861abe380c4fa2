import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LockNote, takeFileLock, tryFileLock } from "./file-lock.ts";

describe("the lock between builders", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "pinetboot-lock-"));
  });
  afterEach(async () => await rm(dir, { recursive: true }));

  test("is held by one at a time and can be taken again after its release", async () => {
    const path = join(dir, "lock");
    const first = await takeFileLock(path);
    expect(await tryFileLock(path)).toBeUndefined();
    await first.release();
    const second = await tryFileLock(path);
    expect(second).toBeDefined();
    await second?.release();
  });

  test("tells those who wait what its holder is doing", async () => {
    const path = join(dir, "lock");
    const holder = await takeFileLock(path);
    holder.note({ step: "compile" });
    const heard: (LockNote | undefined)[] = [];
    const waiter = takeFileLock(path, {
      onWait: (note) => {
        heard.push(note);
        void holder.release();
      },
    });
    await (await waiter).release();
    expect(heard[0]).toEqual({ pid: process.pid, value: { step: "compile" } });
  });

  test("is free again at once when its holder is killed", async () => {
    const path = join(dir, "lock");
    const holder = Bun.spawn(
      [
        process.execPath,
        "-e",
        `const { takeFileLock } = await import(${JSON.stringify(join(import.meta.dir, "file-lock.ts"))});
         await takeFileLock(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000);`,
      ],
      { stdout: "pipe" },
    );
    await holder.stdout.getReader().read();
    expect(await tryFileLock(path)).toBeUndefined();
    holder.kill("SIGKILL");
    await holder.exited;
    await (await takeFileLock(path)).release();
  });
});
