/** Images: taken in, served under overlays, never changed; bad ones are refused and nothing of them stays. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { iscsiUrl, qemuIo, runProgram, SOURCE, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const ImageSchema = z.object({ id: z.string(), name: z.string(), size_bytes: z.number() });
const SIZE_BYTES = 8 * 2 ** 20;

let folder = temporaryFolder("images");
let server: TestServer;

beforeEach(async () => {
  folder = temporaryFolder("images");
  server = await TestServer.start({ data: join(folder.path, "data") });
});
afterEach(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

/** 8 MiB whose first MiB is one byte over and over. */
function diskBytes(byte: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(SIZE_BYTES).fill(byte, 0, 2 ** 20);
}

async function writeDisk(name: string, byte: number): Promise<string> {
  const path = join(folder.path, name);
  await Bun.write(path, diskBytes(byte));
  return path;
}

function files(): readonly string[] {
  return readdirSync(join(server.data, "images")).toSorted();
}

describeWith(["qemu-io"], "an imported image", () => {
  test("lies under every session's overlay and is never changed", async () => {
    const image = await server.json(
      ImageSchema,
      "image",
      "import",
      await writeDisk("one.img", 3),
      "--name",
      "one",
    );
    expect(image).toMatchObject({ name: "one", size_bytes: SIZE_BYTES });
    expect(image.id).toBe(createHash("sha256").update(diskBytes(3)).digest("hex"));

    const [first, second] = await Promise.all([1, 2].map(() => server.createSession({ image: "one" })));
    if (!first || !second) throw new Error("two sessions are wanted");
    expect((await qemuIo(iscsiUrl(first), "read -P 3 0 1M", "write -P 9 0 512k", "flush")).code).toBe(0);
    expect((await qemuIo(iscsiUrl(second), "read -P 3 0 1M")).code).toBe(0);
    expect(
      (await qemuIo(iscsiUrl(first), "read -P 9 0 512k", "read -P 3 512k 512k", "read -P 0 1M 1M")).code,
    ).toBe(0);

    const stored = await Bun.file(join(server.data, "images", `${image.id}.img`)).bytes();
    expect(createHash("sha256").update(stored).digest("hex")).toBe(image.id);
  });

  test("can lie under a larger disk, not under a smaller one", async () => {
    await server.json(ImageSchema, "image", "import", await writeDisk("one.img", 3), "--name", "one");
    const larger = await server.createSession({ image: "one", size: "16M" });
    expect(
      (await qemuIo(iscsiUrl(larger), "read -P 3 0 1M", "read -P 0 8M 8M", "write -P 4 15M 1M")).code,
    ).toBe(0);
    const { code, stderr } = await server.cli(
      "session",
      "create",
      "--image",
      "one",
      "--size",
      "4M",
      "--json",
    );
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "bad-request" } });
  });

  test("is not removed while a session needs it, and is afterwards", async () => {
    await server.json(ImageSchema, "image", "import", await writeDisk("one.img", 3), "--name", "one");
    const session = await server.createSession({ image: "one" });
    const refused = await server.cli("image", "remove", "one");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(session.id);
    await server.cli("session", "remove", session.id);
    expect((await server.cli("image", "remove", "one")).code).toBe(0);
    expect(files()).toEqual([]);
  });
});

test("the same content under another packing is the same image", async () => {
  const raw = await writeDisk("one.img", 3);
  const packed = join(folder.path, "two.img.gz");
  await Bun.write(packed, gzipSync(diskBytes(3)));
  const one = await server.json(ImageSchema, "image", "import", raw, "--name", "one");
  const two = await server.json(ImageSchema, "image", "import", packed, "--name", "two");
  expect(two.id).toBe(one.id);
  expect(files()).toHaveLength(2);
});

test("an import is told from its beginning to its end", async () => {
  await server.json(ImageSchema, "image", "import", await writeDisk("one.img", 3), "--name", "one");
  const states = server.steps.filter(({ stage }) => stage === "image").map(({ state }) => state);
  expect(states[0]).toBe("start");
  expect(states.at(-1)).toBe("ok");
});

test.each([
  ["a truncated archive", "broken.img.gz", () => gzipSync(diskBytes(3)).subarray(0, 3000)],
  ["a damaged archive", "damaged.img.gz", () => gzipSync(diskBytes(3)).fill(0x55, 200, 400)],
])("%s is refused in words, leaves nothing, and the server goes on", async (_what, name, bytes) => {
  const path = join(folder.path, name);
  await Bun.write(path, new Uint8Array(bytes()));
  const { code, stderr } = await server.cli("image", "import", path, "--json");
  expect(code).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: "bad-request", message: expect.any(String) } });
  expect(files()).toEqual([]);
  expect((await server.cli("session", "create", "--size", "1M")).code).toBe(0);
});

test("a file that is not there is said so", async () => {
  const { code, stderr } = await server.cli("image", "import", join(folder.path, "nothere.img"));
  expect(code).toBe(1);
  expect(stderr).toContain("nothere.img");
});

test("an import that is interrupted leaves nothing", async () => {
  const path = join(folder.path, "large.img");
  // Half a GiB of holes takes a while to read and no space.
  expect((await runProgram(["truncate", "-s", "2G", path])).code).toBe(0);
  await Bun.write(join(folder.path, "mark"), "x");
  const importing = Bun.spawn([...SOURCE, "image", "import", path, "--data", server.data], {
    stdout: "ignore",
    stderr: "pipe",
  });
  await server.step(({ stage, state }) => stage === "image" && state === "start");
  importing.kill("SIGINT");
  expect(await importing.exited).toBe(1);
  expect(await new Response(importing.stderr).text()).toContain("cancel");
  expect(files()).toEqual([]);
}, 30_000);
