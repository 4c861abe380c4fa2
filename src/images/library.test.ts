/** The library as its users meet it: imports in a real Worker, names, removal, and what a crash leaves. */
import { afterAll, expect, test, setDefaultTimeout } from "bun:test";
import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { temporaryFolder } from "../../test/support/temporary.ts";
import { nameFromLabel } from "./image.ts";
import { BLANK } from "./image.ts";
import { ImageLibrary } from "./library.ts";
import type { ImportProgress } from "./import/importer.ts";
import { openFilesBelow } from "../../test/support/open-files.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000);

const folder = temporaryFolder("library");
const servers: Bun.Server<undefined>[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop(true);
});
let count = 0;

const disk = Buffer.alloc(2 ** 20);
disk.write("a disk", 100_000);
const id = Bun.SHA256.hash(disk, "hex");

async function fresh(): Promise<{ library: ImageLibrary; directory: string }> {
  const directory = join(folder, `images-${(count += 1)}`);
  return { library: await ImageLibrary.open(directory), directory };
}

function file(name: string, content: Uint8Array = disk): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
}

test("a new library holds blank alone, which has no file and is neither removed nor renamed", async () => {
  const { library } = await fresh();
  expect(library.list()).toEqual([BLANK]);
  expect(library.find("blank")).toBe(BLANK);
  expect(library.backingName(BLANK, folder)).toBeUndefined();
  expect(await failure(library.remove("blank", { inUse: () => [] }))).toMatchObject({
    code: "unknown-image",
  });
  expect(await failure(library.openBase("blank"))).toMatchObject({ code: "unknown-image" });
  expect(await library.info("blank")).toMatchObject({ allocatedBytes: 0, partitions: { scheme: "none" } });
});

test("an image is called by the hash of its content, found by name, id and the start of the id, and read-only", async () => {
  const { library, directory } = await fresh();
  const image = await library.import({ path: file("root.img.gz", zlib.gzipSync(disk)) });
  expect(image).toMatchObject({
    id,
    names: ["root"],
    sizeBytes: disk.byteLength,
    source: { label: "root.img.gz", format: "gzip" },
  });
  for (const way of ["root", id, id.slice(0, 8)]) expect(library.find(way)).toEqual(image);
  expect(library.find(id.slice(0, 7))).toBeUndefined();
  expect(library.find("other")).toBeUndefined();
  const path = join(directory, `${id}.img`);
  expect(statSync(path).mode & 0o222).toBe(0);
  expect(library.backingName(image, join(directory, "..", "overlays"))).toBe(`../images-${count}/${id}.img`);
  const layer = await library.openBase("root");
  const bytes = new Uint8Array(6);
  await layer.read(bytes, 100_000);
  await layer.close();
  expect(Buffer.from(bytes).toString()).toBe("a disk");
});

test("the same content is stored once, whatever it was packed in, and gets the further name", async () => {
  const { library, directory } = await fresh();
  await library.import({ path: file("one.img") });
  await library.import({ path: file("two.img.zst", zlib.zstdCompressSync(disk)) });
  const again = await library.import({ path: file("one.img") }, { name: "third" });
  expect(again.names).toEqual(["one", "two", "third"]);
  expect(readdirSync(directory).sort()).toEqual([`${id}.img`, `${id}.json`]);
  expect(await ImageLibrary.open(directory).then((reopened) => reopened.list())).toEqual([BLANK, again]);
});

test("two imports of the same content at once end as one image", async () => {
  const { library, directory } = await fresh();
  const path = file("same.img");
  await Promise.all([library.import({ path }, { name: "a" }), library.import({ path }, { name: "b" })]);
  expect(library.get(id).names.toSorted()).toEqual(["a", "b"]);
  expect(readdirSync(directory)).toHaveLength(2);
});

test("a stream is imported as a file is, and says how far it is", async () => {
  const { library } = await fresh();
  const large = Buffer.alloc(64 * 2 ** 20, "not zeros ");
  const packed = zlib.gzipSync(large, { level: 1 });
  const seen: ImportProgress[] = [];
  const image = await library.import(
    { stream: new Blob([packed]).stream(), label: "standard input" },
    { onProgress: (progress) => seen.push(progress) },
  );
  expect(image).toMatchObject({ id: Bun.SHA256.hash(large, "hex"), names: ["standard-input"] });
  const doneBytes = seen.map((progress) => progress.doneBytes);
  expect(doneBytes).toEqual(doneBytes.toSorted((a, b) => a - b));
  expect(doneBytes.at(-1)).toBe(packed.byteLength);
});

test("a cancelled import says so and leaves nothing", async () => {
  const { library, directory } = await fresh();
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(2 ** 20).fill(1)),
  });
  const abort = new AbortController();
  const importing = library.import(
    { stream: endless, label: "endless" },
    { signal: abort.signal, onProgress: () => abort.abort() },
  );
  expect(await failure(importing)).toMatchObject({ code: "cancelled" });
  expect(readdirSync(directory)).toEqual([]);
  expect(await failure(library.import({ path: file("x.img") }, { signal: abort.signal }))).toMatchObject({
    code: "cancelled",
  });
  expect(readdirSync(directory)).toEqual([]);
});

const MIB = 2 ** 20;
const noise = new Uint8Array(24 * MIB);
for (let at = 0; at < noise.byteLength; at += 65_536) crypto.getRandomValues(noise.subarray(at, at + 65_536));

test.skipIf(process.platform !== "linux").each([
  ["a file", async () => ({ path: file("large.img", noise) })],
  ["an archive", async () => ({ path: file("large.img.zst", zlib.zstdCompressSync(noise)) })],
  ["an address", async () => ({ url: stallingServer().url.href })],
  ["a stream that waits", async () => ({ stream: waitingStream(), label: "waits" })],
])("an import of %s that is cancelled has no file open any more", async (_what, source) => {
  const { library, directory } = await fresh();
  const abort = new AbortController();
  const importing = library.import(await source(), {
    signal: abort.signal,
    onProgress: () => abort.abort(),
  });
  expect(await failure(importing)).toMatchObject({ code: "cancelled" });
  expect(readdirSync(directory)).toEqual([]);
  // What is removed and still open takes its room until the server ends.
  expect(openFilesBelow(folder)).toEqual([]);
});

/** Sends a part of a file, and then nothing. */
function stallingServer(): Bun.Server<undefined> {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: () => new Response(waitingStream(), { headers: { "content-length": String(noise.byteLength) } }),
  });
  servers.push(server);
  return server;
}

function waitingStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(noise.slice(0, MIB)),
  });
}

test("a damaged archive leaves nothing, and the library goes on", async () => {
  const { library, directory } = await fresh();
  const cut = zlib.gzipSync(crypto.getRandomValues(new Uint8Array(50_000))).subarray(0, 30_000);
  expect(await failure(library.import({ path: file("cut.img.gz", cut) }))).toMatchObject({
    code: "bad-archive",
  });
  expect(readdirSync(directory)).toEqual([]);
  expect((await library.import({ path: file("good.img") })).id).toBe(id);
});

test("what is no readable file is refused by name", async () => {
  const { library } = await fresh();
  expect(await failure(library.import({ path: join(folder, "nowhere.img") }))).toMatchObject({
    code: "not-a-file",
  });
  expect(await failure(library.import({ path: folder }))).toMatchObject({ code: "not-a-file" });
  expect(await failure(library.import({ path: "/dev/zero" }))).toMatchObject({ code: "not-a-file" });
});

test("names are one image's alone, and fit into a shell and a table", async () => {
  const { library } = await fresh();
  await library.import({ path: file("one.img") }, { name: "one" });
  const other = file("other.img", Buffer.concat([disk, disk]));
  expect(await failure(library.import({ path: other }, { name: "one" }))).toMatchObject({
    code: "name-taken",
  });
  for (const bad of ["", "../one", "a b", "-x", "blank", id, "x".repeat(65), "new\nline"]) {
    expect(await failure(library.import({ path: other }, { name: bad }))).toHaveProperty("code");
  }
  const second = await library.import({ path: file("one.raw", Buffer.concat([disk, disk])) });
  expect(second.names).toEqual(["one-2"]);
  expect(await failure(library.addName("one-2", "one"))).toMatchObject({ code: "name-taken" });
  expect((await library.addName("one-2", "more")).names).toEqual(["one-2", "more"]);
  expect((await library.removeName("one-2")).names).toEqual(["more"]);
  expect(library.find("one-2")).toBeUndefined();
});

test.each([
  ["2024-11-19-raspios-bookworm-arm64-lite.img.xz", "2024-11-19-raspios-bookworm-arm64-lite"],
  ["alpine 3.21.iso", "alpine-3.21"],
  ["...", "image"],
  ["blank.img", "image"],
  ["disk.gz", "disk"],
  ["my disk ü (1).img", "my-disk-1"],
])("the file %s is called %s", (label, name) => {
  expect(nameFromLabel(label)).toBe(name);
});

test("an image that is in use is not removed, and one that is not is gone with its file", async () => {
  const { library, directory } = await fresh();
  await library.import({ path: file("one.img") });
  const refused = await failure(library.remove("one", { inUse: (of) => (of === id ? ["pi-5b154510"] : []) }));
  expect(refused).toMatchObject({ code: "in-use" });
  expect(String(refused)).toContain("pi-5b154510");
  await library.remove("one", { inUse: () => [] });
  expect(library.list()).toEqual([BLANK]);
  expect(readdirSync(directory)).toEqual([]);
});

test("what a crash left of an import is swept, an image stays", async () => {
  const { library, directory } = await fresh();
  const image = await library.import({ path: file("one.img") });
  writeFileSync(join(directory, ".unfinished-1234.img"), "half");
  writeFileSync(join(directory, ".unfinished-1234.json"), "{");
  writeFileSync(join(directory, `${"0".repeat(64)}.img`), "renamed, and not yet recorded");
  const reopened = await ImageLibrary.open(directory);
  expect(reopened.list()).toEqual([BLANK, image]);
  expect(readdirSync(directory).sort()).toEqual([`${id}.img`, `${id}.json`]);
});

test("a record that is damaged, or of a newer version, stops the opening and touches nothing", async () => {
  const { library, directory } = await fresh();
  await library.import({ path: file("one.img") });
  const record = join(directory, `${id}.json`);
  for (const [text, words] of [
    ["{", "is damaged"],
    ["[]", "is damaged"],
    ['{"version":2}', "version 2"],
    [`{"version":1,"id":"${id}"}`, "is damaged"],
  ] as const) {
    chmodSync(record, 0o600);
    writeFileSync(record, text);
    const failed = await failure(ImageLibrary.open(directory));
    expect(failed).toMatchObject({ name: "ImageError", code: "io" });
    expect(String(failed)).toContain(words);
    expect(readdirSync(directory)).toHaveLength(2);
  }
});
