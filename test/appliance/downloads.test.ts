/** Disks as downloads: whole, in parts, packed; and never a half of two contents. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { iscsiUrl, qemuIo, runProgram, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const SIZE = 3 * 2 ** 20;
const folder = temporaryFolder("downloads");
const content = Buffer.concat([randomBytes(2 ** 20), Buffer.alloc(2 ** 20), randomBytes(2 ** 20)]);
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ data: join(folder.path, "data") });
  await Bun.write(join(folder.path, "one.img"), content);
  await server.json(
    z.object({ id: z.string() }),
    "image",
    "import",
    join(folder.path, "one.img"),
    "--name",
    "one-two",
  );
});
afterAll(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

const IMAGE = "/images/one-two/data";
const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.ready.http}/api${path}`, { headers });
const bytesOf = async (answer: Promise<Response> | Response): Promise<Buffer> =>
  Buffer.from(await (await answer).arrayBuffer());
const sum = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("an image comes as a file of its name and size", async () => {
  const answer = await get(IMAGE);
  expect(answer.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''one-two.img");
  expect(answer.headers.get("content-length")).toBe(String(SIZE));
  expect(sum(await bytesOf(answer))).toBe(sum(content));
  expect(
    (await fetch(`${server.ready.http}/api${IMAGE}`, { method: "HEAD" })).headers.get("content-length"),
  ).toBe(String(SIZE));
});

test("a part that is asked for is that part, and one that is not there is refused with the size", async () => {
  const part = await get(IMAGE, { range: "bytes=1048570-2097160" });
  expect(part.status).toBe(206);
  expect(part.headers.get("content-range")).toBe(`bytes 1048570-2097160/${SIZE}`);
  expect(sum(await bytesOf(part))).toBe(sum(content.subarray(1048570, 2097161)));
  const none = await get(IMAGE, { range: `bytes=${SIZE}-` });
  expect(none.status).toBe(416);
  expect(none.headers.get("content-range")).toBe(`bytes */${SIZE}`);
});

test("who goes on with another content than the one that he has a part of gets the whole", async () => {
  const etag = (await get(IMAGE, { range: "bytes=0-0" })).headers.get("etag") ?? "";
  expect((await get(IMAGE, { range: "bytes=5-", "if-range": etag })).status).toBe(206);
  const other = await get(IMAGE, { range: "bytes=5-", "if-range": '"another"' });
  expect(other.status).toBe(200);
  expect((await bytesOf(other)).length).toBe(SIZE);
  expect((await get(IMAGE, { "if-none-match": etag })).status).toBe(304);
});

test("blank, and what is not there, are problems", async () => {
  expect((await get("/images/blank/data")).status).toBe(400);
  expect((await get("/images/nothere/data")).status).toBe(404);
  expect((await get("/sessions/nothere/data")).status).toBe(404);
  expect((await get(`${IMAGE}?format=qcow2`)).status).toBe(400);
});

describeWith(["curl", "xz", "qemu-io"], "with programs", () => {
  test("curl goes on after a cut", async () => {
    const file = join(folder.path, "cut.img");
    await Bun.write(file, content.subarray(0, 1234567));
    const { code } = await runProgram([
      "curl",
      "-s",
      "-f",
      "-C",
      "-",
      "-o",
      file,
      `${server.ready.http}/api${IMAGE}`,
    ]);
    expect(code).toBe(0);
    expect(sum(await Bun.file(file).bytes())).toBe(sum(content));
  });

  test("a packed one is what xz unpacks to the disk", async () => {
    const file = join(folder.path, "one.img.xz");
    await Bun.write(file, await bytesOf(get(`${IMAGE}?format=img.xz`)));
    expect((await runProgram(["xz", "-d", "-k", "-f", file])).code).toBe(0);
    expect(sum(await Bun.file(join(folder.path, "one.img")).bytes())).toBe(sum(content));
  });

  test("a session's disk has what was written; in use it is refused, and is free again when a reader goes away", async () => {
    const session = await server.createSession({ image: "one-two" });
    expect((await qemuIo(iscsiUrl(session), "write -P 7 1M 64k", "flush")).code).toBe(0);
    const path = `/sessions/${session.id}/data`;
    const whole = await bytesOf(get(path));
    const wanted = Buffer.from(content);
    wanted.fill(7, 2 ** 20, 2 ** 20 + 65_536);
    expect(sum(whole)).toBe(sum(wanted));
    // A reader that goes away in the midst of it, and one that only asks for the size.
    await (await get(path)).body?.cancel();
    await fetch(`${server.ready.http}/api${path}`, { method: "HEAD" });
    await server.step(({ detail }) => detail.startsWith(`The export of session ${session.id} is done`));
    expect((await qemuIo(iscsiUrl(session), "read -P 7 1M 64k")).code).toBe(0);
    const holder = Bun.spawn(["qemu-io", "-f", "raw", iscsiUrl(session)], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
    try {
      const Session = z.looseObject({ state: z.string() });
      for (;;) {
        const { state } = Session.parse(await (await get(`/sessions/${session.id}`)).json());
        if (state === "in-use") break;
        await Bun.sleep(50);
      }
      expect((await get(path)).status).toBe(409);
    } finally {
      holder.kill("SIGKILL");
      await holder.exited;
    }
  });
});
