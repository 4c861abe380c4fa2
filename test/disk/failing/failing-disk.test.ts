/** A disk that is full, fails or is slow: what an initiator is told, and that its session goes on. */
import { dlopen, FFIType } from "bun:ffi";
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { cdb16, Initiator, READ_16, WRITE_16 } from "../../../src/iscsi-target/testing/initiator.ts";
import { type CreatedSession, runProgram, temporaryFolder, TestServer } from "../../support/pinetboot.ts";
import { describeWith } from "../../support/tools.ts";
import { expectCheckClean } from "../qemu.ts";
import { type FailingDisk, failingDisk } from "./failing-disk.ts";

setDefaultTimeout(60_000);

const POSIX_FADV_DONTNEED = 4;
const libc = dlopen("libc.so.6", {
  posix_fadvise: {
    args: [FFIType.i32, FFIType.i64_fast, FFIType.i64_fast, FFIType.i32],
    returns: FFIType.i32,
  },
});

const GOOD = 0;
const SYNCHRONIZE_CACHE_16 = 0x91;
const FUA = 8;
/** Sense key, additional sense code, qualifier (SPC-4 annex D). */
const WRITE_ERROR = [3, 0x0c, 0];
const SPACE_ALLOCATION_FAILED = [7, 0x27, 7];
/** A slow sync takes 300 ms; whoever does not wait for it is answered well within that. */
const PROMPT_MS = 100;

describeWith(["gcc", "qemu-img"], "a disk that", () => {
  let folder = temporaryFolder("failing");
  let disk: FailingDisk;
  let server: TestServer;

  beforeEach(async () => {
    folder = temporaryFolder("failing");
    disk = failingDisk(folder.path);
    server = await TestServer.start({ data: join(folder.path, "data"), env: disk.env });
  });
  afterEach(async () => {
    await server.stop("SIGKILL");
    folder.dispose();
  });

  const create = (): Promise<CreatedSession> => server.createSession({ image: "blank", size: "16M" });

  test("fails a sync fails FUA and SYNCHRONIZE CACHE until the next login, and nobody is told that it is well", async () => {
    const session = await create();
    const initiator = await logIn(server, session);
    expect(await write(initiator, 0, 1)).toBe("good");
    disk.fail("sync-eio");
    expect(await flush(initiator)).toEqual(WRITE_ERROR);
    disk.mend("sync-eio");
    // The kernel takes pages whose write failed for written: a sync that succeeds now would prove nothing.
    expect(await flush(initiator)).toEqual(WRITE_ERROR);
    expect(await write(initiator, 8, 2, FUA)).toEqual(WRITE_ERROR);
    expect(await byteAt(initiator, 0)).toBe(1);
    await initiator.logout();
    const again = await logIn(server, session);
    expect(await byteAt(again, 0)).toBe(1);
    expect(await write(again, 8, 3, FUA)).toBe("good");
    await close(server, session, again);
  });

  test("syncs slowly keeps nobody waiting who asked for no sync, not even for what is not in memory", async () => {
    const calmSession = await create();
    const calm = await logIn(server, calmSession);
    for (let i = 0; i < 64; i += 1) await write(calm, 8 * i, i);
    await flush(calm);
    const stormy = await Promise.all(Array.from({ length: 6 }, async () => logIn(server, await create())));
    disk.fail("sync-slow");
    const calmed = new AbortController();
    const storms = stormy.map((initiator) => storm(initiator, calmed.signal));
    const overlay = join(server.data, "overlays", `${calmSession.id}.qcow2`);
    const times: number[] = [];
    for (let i = 0; i < 64; i += 1) {
      dropFromMemory(overlay);
      times.push(await timeOf(async () => expect(await byteAt(calm, 8 * i)).toBe(i)));
      times.push(await timeOf(() => write(calm, 8 * (i + 64), i)));
      await Bun.sleep(10);
    }
    calmed.abort();
    expect(Math.min(...(await Promise.all(storms)))).toBeGreaterThan(300);
    // A machine that is busy with other things may be late a few times; waiting for syncs makes every read late.
    times.sort((x, y) => x - y);
    expect(times[Math.floor(times.length * 0.8)]).toBeLessThan(PROMPT_MS);
  });

  test("syncs slowly leaves threads for reads however many files are synced, from source and compiled", async () => {
    disk.fail("sync-slow");
    const script = join(import.meta.dir, "read-beside-syncs.ts");
    const compiled = join(folder.path, "read-beside-syncs");
    const built = await runProgram([process.execPath, "build", "--compile", script, "--outfile", compiled]);
    expect(built).toMatchObject({ code: 0 });
    for (const [program, count] of [
      [[process.execPath, script], 1],
      [[process.execPath, script], 8],
      [[compiled], 8],
      [[compiled], 64],
    ] as const) {
      const before = disk.syncs();
      const own = join(folder.path, `${program.length}-${count}`);
      mkdirSync(own);
      const { code, stdout, stderr } = await runProgram([...program, String(count), own], { env: disk.env });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(Number(stdout)).toBeLessThan(PROMPT_MS);
      expect(disk.syncs() - before).toBe(count);
    }
  });

  test("syncs slowly serves many flushes with few syncs", async () => {
    const initiator = await logIn(server, await create());
    disk.fail("sync-slow");
    const before = disk.syncs();
    const answers = [];
    for (let i = 0; i < 16; i += 1) {
      answers.push(write(initiator, 8 * i, i));
      answers.push(flush(initiator));
    }
    expect(new Set(await Promise.all(answers))).toEqual(new Set(["good"]));
    // Two for a commit; the first flush has one, all that came during it have the next.
    expect(disk.syncs() - before).toBeLessThanOrEqual(6);
  });
});

describeWith(["root", "mount", "qemu-img"], "a file system that", () => {
  test("is full refuses with SPACE ALLOCATION FAILED; the same session goes on when there is room", async () => {
    const folder = temporaryFolder("no-room");
    const data = join(folder.path, "data");
    mkdirSync(data);
    sh("mount", "-t", "tmpfs", "-o", "size=12m", "none", data);
    const server = await TestServer.start({ data });
    try {
      const session = await server.createSession({ image: "blank", size: "64M" });
      const initiator = await logIn(server, session);
      expect(await write(initiator, 0, 1)).toBe("good");
      const ballast = join(data, "ballast");
      fillUp(ballast);
      expect(await write(initiator, 2048, 2)).toEqual(SPACE_ALLOCATION_FAILED);
      // What is there needs no room.
      expect(await write(initiator, 0, 3)).toBe("good");
      expect([await byteAt(initiator, 0), await byteAt(initiator, 2048)]).toEqual([3, 0]);
      rmSync(ballast);
      expect(await write(initiator, 2048, 4)).toBe("good");
      expect(await flush(initiator)).toBe("good");
      expect([await byteAt(initiator, 0), await byteAt(initiator, 2048)]).toEqual([3, 4]);
      await close(server, session, initiator);
    } finally {
      await server.stop("SIGKILL");
      sh("umount", "-l", data);
      folder.dispose();
    }
  });
});

async function logIn(server: TestServer, session: CreatedSession): Promise<Initiator> {
  const initiator = await Initiator.login(Number(server.ready.iscsi?.split(":")[1]), {
    target: session.iqn,
    chap: { user: session.chap_user, secret: session.chap_secret },
  });
  // The first command after a login is answered with a unit attention.
  await initiator.command([0, 0, 0, 0, 0, 0]);
  return initiator;
}

async function close(server: TestServer, session: CreatedSession, initiator: Initiator): Promise<void> {
  await initiator.logout();
  expect(await server.stop()).toBe(0);
  await expectCheckClean(join(server.data, "overlays", `${session.id}.qcow2`));
}

/** Takes the last byte of a file system. */
function fillUp(path: string): void {
  const file = openSync(path, "w");
  try {
    for (let pieceBytes = 2 ** 20; pieceBytes >= 1;) {
      try {
        if (writeSync(file, new Uint8Array(pieceBytes)) < pieceBytes) pieceBytes /= 2;
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOSPC" });
        pieceBytes = Math.floor(pieceBytes / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}

function sh(...command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}

/** Writes and flushes until it is told to end; resolves with its quickest flush in milliseconds. */
async function storm(initiator: Initiator, until: AbortSignal): Promise<number> {
  let quickest = Number.POSITIVE_INFINITY;
  for (let i = 0; !until.aborted; i += 1) {
    await write(initiator, (8 * i) % 1024, 1);
    quickest = Math.min(quickest, await timeOf(() => flush(initiator)));
  }
  return quickest;
}

/** Takes the pages of a file that are on the disk out of the page cache. */
function dropFromMemory(path: string): void {
  const file = openSync(path, "r");
  libc.symbols.posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  closeSync(file);
}

type Answer = "good" | readonly number[];

async function write(initiator: Initiator, lba: number, fill: number, flags = 0): Promise<Answer> {
  const data = new Uint8Array(4096).fill(fill);
  return answerOf(await initiator.command(cdb16(WRITE_16, lba, 8, flags), { data }));
}

async function flush(initiator: Initiator): Promise<Answer> {
  return answerOf(await initiator.command(cdb16(SYNCHRONIZE_CACHE_16, 0, 0)));
}

async function byteAt(initiator: Initiator, lba: number): Promise<number | undefined> {
  const { status, data } = await initiator.command(cdb16(READ_16, lba, 8), { expectedLength: 4096 });
  expect(status).toBe(GOOD);
  return data[0];
}

/** Fixed format sense data: key, code and qualifier (SPC-4 section 4.5.3). */
function answerOf({ status, sense }: { readonly status: number; readonly sense: Uint8Array }): Answer {
  return status === GOOD ? "good" : [(sense[2] ?? 0) & 15, sense[12] ?? 0, sense[13] ?? 0];
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}
