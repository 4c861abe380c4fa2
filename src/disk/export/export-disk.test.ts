import { describe, expect, test, setDefaultTimeout } from "bun:test";
import { existsSync, readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { MemoryLayer } from "../../../test/support/memory-layer.ts";
import { expectSame, readAll } from "../../../test/support/layer-contract.ts";
import { temporaryFolder } from "../../../test/support/temporary.ts";
import { backingName, openChain, openWritableChain, type ChainLink } from "../chain.ts";
import { createOverlay } from "../qcow2/create.ts";
import { openRawFile } from "../raw-file.ts";
import { contentBytes, contentRuns } from "./content.ts";
import { exportDisk, unfinishedPath, type ExportProgress } from "./export-disk.ts";
import { rawStream, xzStream } from "./streams.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000);

const folder = temporaryFolder("export");
const MIB = 1 << 20;
const SIZE = 9 * MIB + 1536;
let count = 0;

/** A sparse base, an overlay that writes and one that discards over it. */
async function makeChain(): Promise<ChainLink[]> {
  const id = (count += 1);
  const base = { path: join(folder, `${id}.img`), format: "raw" as const };
  await Bun.write(base.path, crypto.getRandomValues(new Uint8Array(65_536)));
  truncateSync(base.path, 3 * MIB);
  const links: ChainLink[] = [base];
  for (const level of [1, 2]) {
    const below = links.at(-1);
    const path = join(folder, `${id}-${level}.qcow2`);
    if (!below) throw new Error("no base");
    await createOverlay(path, {
      sizeBytes: SIZE,
      backing: { name: backingName(path, below.path), format: below.format },
    });
    links.push({ path, format: "qcow2" });
    const disk = await openWritableChain(links);
    disk.write(new Uint8Array(30_000).fill(level), level * 5000);
    disk.write(new Uint8Array(70_000).fill(level + 4), 5 * MIB + level * 60_000);
    disk.write(new Uint8Array(100).fill(9), SIZE - 100);
    if (level === 2) disk.discard(4096, 12_288);
    await disk.close();
  }
  return links;
}

async function contentOf(links: readonly ChainLink[]): Promise<Uint8Array> {
  const disk = await openChain(links);
  try {
    return await readAll(disk);
  } finally {
    await disk.close();
  }
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  return "no refusal";
}

describe("an exported disk", () => {
  test("as a raw file reads the same, and is sparse", async () => {
    const chain = await makeChain();
    const target = join(folder, "out.img");
    const seen: ExportProgress[] = [];
    const exported = await exportDisk({
      chain,
      target,
      format: "raw",
      sha256: true,
      onProgress: (progress) => seen.push(progress),
    });
    const content = await contentOf(chain);
    expect(exported.sha256).toBe(new Bun.CryptoHasher("sha256").update(content).digest("hex"));
    const layer = await openRawFile(target, { readOnly: true });
    expectSame(await readAll(layer), content);
    await layer.close();
    if (process.platform === "linux") expect(statSync(target).blocks * 512).toBeLessThan(512 * 1024);
    const last = seen.at(-1);
    expect(last?.doneBytes).toBe(last?.totalBytes ?? -1);
    expect(last?.writtenBytes).toBeGreaterThan(100_000);
    expect(exported).toMatchObject({ sizeBytes: SIZE, writtenBytes: last?.writtenBytes ?? -1 });
  });

  test("replaces an earlier file of that name, and leaves no other", async () => {
    const chain = await makeChain();
    const target = join(folder, "again.img");
    await Bun.write(target, "what was here before");
    expect(await refusal(exportDisk({ chain, target, format: "raw" }))).toMatchObject({ code: "EEXIST" });
    await exportDisk({ chain, target, format: "raw", replace: true });
    expect(statSync(target).size).toBe(SIZE);
    expect(readdirSync(folder).filter((name) => name.startsWith("again"))).toEqual(["again.img"]);
  });

  test("that is cancelled or cannot be read leaves nothing, and the earlier file as it was", async () => {
    const chain = await makeChain();
    const target = join(folder, "cancelled.img");
    await Bun.write(target, "earlier");
    for (const format of ["raw", "qcow2", "img.xz"] as const) {
      const abort = new AbortController();
      const work = exportDisk({
        chain,
        target,
        format,
        replace: true,
        signal: abort.signal,
        onProgress: () => abort.abort(),
      });
      expect(await refusal(work)).toMatchObject({ code: "ECANCELED" });
      expect(
        await refusal(exportDisk({ chain, target, format, replace: true, signal: abort.signal })),
      ).toMatchObject({
        code: "ECANCELED",
      });
      const [base, , top] = chain;
      if (!base || !top) throw new Error("no chain");
      expect(await refusal(exportDisk({ chain: [base, top], target, format, replace: true }))).toMatchObject({
        code: "EBADIMG",
      });
      expect(existsSync(unfinishedPath(target))).toBe(false);
      expect(await Bun.file(target).text()).toBe("earlier");
    }
  });

  test.if(Bun.which("xz") !== null)("packed by xz unpacks to the same", async () => {
    const chain = await makeChain();
    const target = join(folder, "out.img.xz");
    await exportDisk({ chain, target, format: "img.xz" });
    const unpacked = Bun.spawnSync(["xz", "-dc", target], { maxBuffer: 2 * SIZE });
    expectSame(unpacked.stdout, await contentOf(chain));
    expect(statSync(target).size).toBeLessThan(300_000);
  });
});

/** Says that it has data all over. */
class EndlessZeros extends MemoryLayer {
  override readonly sizeBytes = 2 ** 40;

  override readNow(into: Uint8Array): void {
    into.fill(0);
  }
}

describe("a disk as a stream", () => {
  test("gives every byte in order", async () => {
    const chain = await makeChain();
    const disk = await openChain(chain);
    const parts: Uint8Array[] = [];
    for await (const part of rawStream(disk)) parts.push(part);
    await disk.close();
    expectSame(Buffer.concat(parts), await contentOf(chain));
  });

  test.if(Bun.which("xz") !== null)("is not read any more once its reader has stopped", async () => {
    // Zeros are packed fast enough for the busiest machine, and are never all read.
    const disk = new EndlessZeros(new Uint8Array());
    for await (const bytes of xzStream(disk)) {
      expect(bytes.byteLength).toBeGreaterThan(0);
      break;
    }
    disk.readNow = () => {
      throw new Error("read after its end");
    };
    await Bun.sleep(20);
  });
});

test("the content of a disk is what any file of its chain holds, and nothing that was discarded", async () => {
  const chain = await makeChain();
  const disk = await openChain(chain);
  const content = await readAll(disk);
  let at = 0;
  for (const run of contentRuns(disk, 0, SIZE)) {
    expect(run.offset).toBe(at);
    at += run.length;
    if (run.kind === "zero") expect(content.subarray(run.offset, at).every((byte) => byte === 0)).toBe(true);
  }
  expect(at).toBe(SIZE);
  if (process.platform === "linux") expect(contentBytes(disk)).toBeLessThan(400_000);
  expect([...contentRuns(disk, 4096, 12_288)]).toEqual([{ offset: 4096, length: 12_288, kind: "zero" }]);
  await disk.close();
});
