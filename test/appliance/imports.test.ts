/** Every way of an image into the library: standard input, addresses, uploads, catalogs; cut, resumed, cancelled, killed. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { ImportSchema } from "../../src/web/index.ts";
import { FileServer } from "../support/file-server.ts";
import { runProgram, SOURCE, temporaryFolder, TestServer } from "../support/pinetboot.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000);

const ImageSchema = z.object({
  id: z.string(),
  name: z.string(),
  names: z.array(z.string()),
  size_bytes: z.number(),
  already_there: z.boolean().optional(),
});
const ErrorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), fix: z.string().nullable() }),
});

let folder = temporaryFolder("imports");
let files = new FileServer();
let server: TestServer | undefined;

beforeEach(() => {
  folder = temporaryFolder("imports");
  files = new FileServer();
});
afterEach(async () => {
  await server?.stop("SIGKILL");
  server = undefined;
  await files.stop();
  folder.dispose();
});

const data = (): string => join(folder.path, "data");
const stored = (): readonly string[] => readdirSync(join(data(), "images")).toSorted();
const sumOf = (bytes: Uint8Array): string => Bun.SHA256.hash(bytes, "hex");

/** A disk that cannot be packed: its first bytes are no magic. */
function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const disk = new Uint8Array(bytes);
  for (let at = 512; at < bytes; at += 65_536) crypto.getRandomValues(disk.subarray(at, at + 65_536));
  return disk;
}

async function start(): Promise<TestServer> {
  server = await TestServer.start({ data: data() });
  return server;
}

/** Runs a command without a server. */
async function alone(words: readonly string[], stdin?: Uint8Array<ArrayBuffer>) {
  const child = Bun.spawn([...SOURCE, ...words, "--data", data(), "--json"], {
    stdin: stdin ? new Blob([stdin]) : "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

async function imported(words: readonly string[], stdin?: Uint8Array<ArrayBuffer>) {
  const { code, stdout, stderr } = await alone(words, stdin);
  if (code !== 0) throw new Error(stderr);
  return ImageSchema.parse(JSON.parse(stdout));
}

async function refused(words: readonly string[], stdin?: Uint8Array<ArrayBuffer>) {
  const { code, stderr } = await alone(words, stdin);
  expect(code).toBe(1);
  return ErrorSchema.parse(JSON.parse(stderr)).error;
}

test.each(["without a server", "beside one"])("standard input is imported %s", async (where) => {
  if (where === "beside one") await start();
  const disk = noise(6 * 2 ** 20);
  const image = await imported(["image", "import", "-", "--name", "piped"], gzipSync(disk));
  expect(image).toMatchObject({ id: sumOf(disk), name: "piped", already_there: false });
  const again = await imported(["image", "import", "-"], disk);
  expect(again).toMatchObject({ id: sumOf(disk), already_there: true, names: ["piped", "standard-input"] });
  const failure = await refused(["image", "import", "-"], gzipSync(disk).subarray(0, 2 ** 20));
  expect(failure.message).toContain("cut off");
  expect(stored()).toHaveLength(2);
});

test("an address is fetched and unpacked, and its sum compared", async () => {
  const disk = noise(3 * 2 ** 20);
  const packed = gzipSync(disk);
  const url = files.add("/dir/card%20one.img.gz", { content: packed });
  const wrong = await refused(["image", "import", url, "--sha256", "0".repeat(64)]);
  expect(wrong.message).toContain("sha256");
  expect(stored()).toEqual([]);
  const image = await imported(["image", "import", url, "--sha256", sumOf(packed).toUpperCase()]);
  expect(image).toMatchObject({ id: sumOf(disk), name: "card-one" });
  expect((await imported(["image", "import", url, "--sha256", sumOf(disk)])).already_there).toBe(true);
  expect(await refused(["image", "import", url, "--sha256", "abc"])).toMatchObject({ code: "bad-request" });
});

test("a qcow2 disk and a zip archive can come from an address, too", async () => {
  const disk = noise(2 * 2 ** 20);
  writeFileSync(join(folder.path, "disk.img"), disk);
  const made = await runProgram([
    "sh",
    "-ec",
    `cd ${folder.path}; qemu-img convert -q -O qcow2 disk.img disk.qcow2; zip -q disk.zip disk.img`,
  ]);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  for (const name of ["disk.qcow2", "disk.zip"]) {
    const url = files.add(`/${name}`, { content: readFileSync(join(folder.path, name)) });
    expect((await imported(["image", "import", url])).id).toBe(sumOf(disk));
    const piped = await imported(["image", "import", "-"], readFileSync(join(folder.path, name)));
    expect(piped).toMatchObject({ id: sumOf(disk), already_there: true });
  }
  expect(stored()).toHaveLength(2);
});

test("a command that was killed while it fetched goes on where it was, when it is run again", async () => {
  const disk = noise(24 * 2 ** 20);
  const url = files.add("/large.img", { content: disk, holdAt: 10 * 2 ** 20 });
  const child = Bun.spawn([...SOURCE, "image", "import", url, "--data", data()], {
    stdout: "ignore",
    stderr: "ignore",
  });
  await files.held("/large.img");
  child.kill("SIGKILL");
  await child.exited;
  files.release("/large.img");
  const image = await imported(["image", "import", url]);
  expect(image.id).toBe(sumOf(disk));
  expect(files.rangesOf("/large.img").at(-1)).toBeGreaterThan(2 ** 20);
  expect(stored()).toHaveLength(2);
});

test("a connection that is cut is made anew, and the person sees it", async () => {
  const live = await start();
  const disk = noise(8 * 2 ** 20);
  const url = files.add("/cut.img", { content: disk, cutAt: 3 * 2 ** 20 });
  const image = await live.json(ImageSchema, "image", "import", url);
  expect(image.id).toBe(sumOf(disk));
  expect(files.rangesOf("/cut.img")).toHaveLength(2);
  await live.step(({ stage, detail }) => stage === "image" && detail.includes("trying again"));
});

test.each(["the command is interrupted", "the API is told to", "the server is told to stop"])(
  "an import from an address that is cancelled because %s leaves nothing",
  async (why) => {
    const live = await start();
    const url = files.add("/endless.img", { content: noise(8 * 2 ** 20), holdAt: 2 ** 20 });
    const child = Bun.spawn([...SOURCE, "image", "import", url, "--data", data()], {
      stdout: "ignore",
      stderr: "pipe",
    });
    await files.held("/endless.img");
    if (why === "the command is interrupted") child.kill("SIGINT");
    else if (why === "the API is told to")
      expect((await fetch(`${live.ready.http}/api/imports/1`, { method: "DELETE" })).status).toBe(204);
    else expect(await live.stop()).toBe(0);
    expect(await child.exited).toBe(1);
    expect(await new Response(child.stderr).text()).toMatch(/cancelled|server was stopped/);
    expect(stored()).toEqual([]);
  },
);

test("an upload is one request, answered when the image is there", async () => {
  const live = await start();
  const disk = noise(5 * 2 ** 20);
  writeFileSync(join(folder.path, "up.img"), disk);
  const url = `${live.ready.http}/api/images/upload?file=up.img&name=uploaded`;
  const sent = await runProgram([
    "curl",
    "-sS",
    "-w",
    "%{http_code}",
    "-T",
    join(folder.path, "up.img"),
    url,
  ]);
  expect(sent.stdout.slice(-3)).toBe("201");
  expect(ImageSchema.parse(JSON.parse(sent.stdout.slice(0, -3)))).toMatchObject({
    id: sumOf(disk),
    name: "uploaded",
  });
  const again = await fetch(`${live.ready.http}/api/images/upload?file=other.img`, {
    method: "POST",
    body: disk,
  });
  expect(again.status).toBe(200);
  const bad = await fetch(`${live.ready.http}/api/images/upload`, {
    method: "POST",
    body: gzipSync(disk).subarray(0, 100_000),
  });
  expect(bad.status).toBe(400);
  expect(await bad.json()).toMatchObject({
    detail: expect.stringContaining("cut off"),
    fix: expect.any(String),
  });
  expect(stored()).toHaveLength(2);
});

test("an upload that is cut can be continued, from where the import says", async () => {
  const live = await start();
  const disk = noise(6 * 2 ** 20);
  const api = `${live.ready.http}/api`;
  const begun = await fetch(`${api}/images`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ upload: { file: "card.img", size_bytes: disk.byteLength } }),
  });
  expect(begun.status).toBe(202);
  const { id } = ImportSchema.parse(await begun.json());
  const job = async () => ImportSchema.parse(await (await fetch(`${api}/imports/${id}`)).json());

  const { port } = new URL(api);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(`PUT /api/imports/${id}/data HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`);
  socket.write(`Content-Length: ${disk.byteLength}\r\n\r\n`);
  socket.write(disk.subarray(0, 2 * 2 ** 20));
  while ((await job()).upload_offset !== 2 * 2 ** 20) await Bun.sleep(20);
  socket.destroy();

  const put = (offset: number, body: Uint8Array<ArrayBuffer>) =>
    fetch(`${api}/imports/${id}/data`, {
      method: "PUT",
      headers: { "upload-offset": String(offset) },
      body,
    });
  // The server may hear of the cut a moment later.
  let rest = await put(2 * 2 ** 20, disk.slice(2 * 2 ** 20));
  while (rest.status === 409) rest = await put(2 * 2 ** 20, disk.slice(2 * 2 ** 20));
  expect(rest.status).toBe(200);
  let last = await job();
  for (; last.state === "running"; last = await job()) await Bun.sleep(20);
  expect(last).toMatchObject({ state: "done", image: sumOf(disk), total_bytes: disk.byteLength });
});

test("an upload that begins at the wrong place, or has too many bytes, is refused with what is wanted", async () => {
  const live = await start();
  const api = `${live.ready.http}/api`;
  const begun = await fetch(`${api}/images`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ upload: { size_bytes: 1000 } }),
  });
  const { id } = ImportSchema.parse(await begun.json());
  const put = (headers: Record<string, string>, bytes: number) =>
    fetch(`${api}/imports/${id}/data`, { method: "PUT", headers, body: new Uint8Array(bytes) });
  const late = await put({ "upload-offset": "500" }, 10);
  expect(late.status).toBe(400);
  expect(await late.json()).toMatchObject({ fix: expect.stringContaining("Upload-Offset: 0") });
  expect((await put({}, 1001)).status).toBe(400);
  expect((await fetch(`${api}/imports/${id}`, { method: "DELETE" })).status).toBe(204);
  expect(stored()).toEqual([]);
  const large = await fetch(`${api}/images`, { method: "POST", body: new Uint8Array(2 ** 21) });
  expect(large.status).toBe(413);
});

test("the memory of the server does not grow with an upload", async () => {
  const live = await start();
  const rss = (): number =>
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${live.pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  const before = rss();
  const sent = await runProgram([
    "sh",
    "-c",
    `head -c 1G /dev/zero | curl -sS -T - '${live.ready.http}/api/images/upload?file=zeros.img'`,
  ]);
  expect(ImageSchema.parse(JSON.parse(sent.stdout)).size_bytes).toBe(2 ** 30);
  // Two threads and their rings; a GiB in memory would be far above.
  expect(rss() - before).toBeLessThan(400);
});

/** A list as Imager's repositories have them, with one image in it. */
function list(url: string, disk: Uint8Array, packed: Uint8Array, change: object = {}): object {
  return {
    name: "Test OS (64-bit)",
    description: "For a test",
    icon: "",
    url,
    extract_size: disk.byteLength,
    extract_sha256: sumOf(disk),
    image_download_size: packed.byteLength,
    image_download_sha256: sumOf(packed),
    release_date: "2026-01-01",
    devices: ["pi4-64bit"],
    init_format: "none",
    ...change,
  };
}

test("an image is pulled by its name from an Imager repository, redirected, cut in the middle, and checked", async () => {
  const disk = noise(4 * 2 ** 20);
  const packed = gzipSync(disk);
  const url = files.add("/os.img.gz", { content: packed, cutAt: 2 ** 20 });
  files.redirect("/latest", "/os.img.gz");
  files.addJson("/linked.json", { os_list: [list(url.replace("os.img.gz", "latest"), disk, packed)] });
  const repo = files.addJson("/repo.json", {
    imager: { latest_version: "2.0" },
    os_list: [
      { name: "Others", description: "", icon: "", subitems_url: "linked.json" },
      list(url, disk, packed, { name: "Bad sum", image_download_sha256: "1".repeat(64) }),
      list(url, disk, packed, { name: "No sum", extract_sha256: "", image_download_sha256: "" }),
    ],
  });
  const shown = await alone(["image", "catalog", "--repo", repo]);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    repo,
    entries: [
      { name: "test-os-64-bit", group: ["Others"], checked: true, image: null, devices: ["pi4-64bit"] },
      { name: "bad-sum" },
      { name: "no-sum", checked: false },
    ],
  });
  const wrong = await refused(["image", "pull", "bad-sum", "--repo", repo]);
  expect(wrong.message).toContain("1".repeat(64));
  const unsafe = await refused(["image", "pull", "no-sum", "--repo", repo]);
  expect(unsafe.message).toContain("no sum");
  expect(stored()).toEqual([]);

  const image = await imported(["image", "pull", "test-os-64-bit", "--repo", repo]);
  expect(image).toMatchObject({ id: sumOf(disk), name: "test-os-64-bit" });
  const asked = files.rangesOf("/os.img.gz").length;
  const again = await imported(["image", "pull", "Test OS (64-bit)", "--repo", repo, "--name", "mine"]);
  expect(again).toMatchObject({ already_there: true, names: ["test-os-64-bit", "mine"] });
  expect(files.rangesOf("/os.img.gz")).toHaveLength(asked);
});

test("offline, pull and catalog say so, and what is there", async () => {
  await imported(["image", "import", "-", "--name", "kept"], noise(2 ** 20));
  const dead = files.add("/list.json", { content: new Uint8Array() });
  await files.stop();
  for (const words of [
    ["image", "catalog", "--repo", dead],
    ["image", "pull", "x", "--repo", dead],
    ["image", "import", dead],
  ]) {
    const failure = await refused(words);
    expect(failure).toMatchObject({ code: "unreachable", fix: expect.stringContaining("blank, kept") });
  }
  const own = await alone(["image", "catalog"]);
  expect(JSON.parse(own.stdout).entries.length).toBeGreaterThan(8);
  expect(existsSync(join(data(), "images", ".fetched"))).toBe(false);
});
