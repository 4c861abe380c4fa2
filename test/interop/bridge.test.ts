/**
 * A client as small as a microcontroller's, through the real server: bridge/bridge.c, which ends at the first thing that
 * such a client has no code for.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import {
  type CreatedSession,
  type Finished,
  runProgram,
  temporaryFolder,
  TestServer,
} from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";
import { BLOCK_BYTES, killAndRestart, readBlocks } from "./support/disk.ts";
import { compileBridge } from "./support/programs.ts";

/** Larger than READ CAPACITY (10) can say and WRITE (10) can reach. */
const SIZE = "3T";
const BLOCKS = 3 * 2 ** 31;
const BEYOND_32_BITS = 5_000_000_000;
const COMPILE_MS = 60_000;

describeWith(["gcc", "qemu-img"], "a bridge as small as an ESP32", () => {
  const folder = temporaryFolder("bridge");
  let program = "";
  let server: TestServer;
  let session: CreatedSession;

  beforeAll(async () => {
    program = await compileBridge(folder.path);
    server = await TestServer.start({ data: join(folder.path, "data") });
    session = await server.createSession({ image: "blank", size: SIZE });
  }, COMPILE_MS);
  afterAll(async () => {
    await server.stop();
    folder.dispose();
  });

  const bridge = (commands: string, secret = session.chap_secret): Promise<Finished> => {
    const [address = "", port = ""] = session.portal.split(":");
    const login = [address, port, session.iqn, session.chap_user, secret];
    return runProgram(["timeout", "30", program, ...login, ...commands.split(" ")]);
  };
  const blocksFromOutside = (lba: number, count: number): Promise<Buffer> =>
    readBlocks(session, folder.path, { lba, count });

  test("logs in by CHAP-MD5 with R2T for everything and 4 KiB at a time, and learns how large the disk is", async () => {
    expect(await bridge("capacity")).toEqual({ code: 0, stdout: `${BLOCKS} blocks\n`, stderr: "" });
  });

  test("does not get in with a wrong secret", async () => {
    const { code, stderr } = await bridge("capacity", "not-the-secret-at-all");
    expect(code).toBe(1);
    expect(stderr).toContain("the login is refused: 0x0201");
  });

  test.each([
    { write: 6, read: 10, lba: 64, blocks: 256 },
    { write: 10, read: 16, lba: 1_000_000, blocks: 33 },
    { write: 16, read: 16, lba: BEYOND_32_BITS, blocks: 500 },
    { write: 10, read: 6, lba: 2_000_000, blocks: 1 },
  ])(
    "writes $blocks blocks by WRITE ($write), reads them by READ ($read), and QEMU sees the same",
    async ({ write, read, lba, blocks }) => {
      const range = `${lba} ${blocks} ${write}`;
      expect(await bridge(`write${write} ${range} read${read} ${range} flush`)).toMatchObject({
        code: 0,
        stderr: "",
      });
      expect(Buffer.compare(await blocksFromOutside(lba, blocks), pattern(lba, blocks, write))).toBe(0);
    },
    30_000,
  );

  test("loses power in the middle of a write, comes back while the old connection still stands, and goes on", async () => {
    const done = await bridge(
      "write10 3000 40 1 half 4000 40 1 read10 3000 40 1 write10 4000 40 2 cut read10 4000 40 2",
    );
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(Buffer.compare(await blocksFromOutside(4000, 40), pattern(4000, 40, 2))).toBe(0);
  });

  test("finds what it wrote after the server was killed and started again", async () => {
    expect((await bridge("write10 5000 64 3")).code).toBe(0);
    server = await killAndRestart(server, session);
    expect(await bridge("capacity read10 5000 64 3 write10 5000 64 4 read10 5000 64 4")).toMatchObject({
      code: 0,
      stderr: "",
    });
  }, 60_000);
});

/** The same bytes as bridge.c's. */
function pattern(lba: number, blocks: number, seed: number): Buffer {
  const bytes = Buffer.alloc(blocks * BLOCK_BYTES);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = seed * 31 + (lba + Math.floor(i / BLOCK_BYTES)) * 7 + (i % BLOCK_BYTES);
  return bytes;
}
