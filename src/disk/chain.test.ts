import { describe, expect, test, setDefaultTimeout } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expectSame, readAll } from "../../test/support/layer-contract.ts";
import { temporaryFolder } from "../../test/support/temporary.ts";
import { backingName, openChain, openWritableChain, type ChainLink } from "./chain.ts";
import { createOverlay } from "./qcow2/create.ts";
import { mendOverlay } from "./qcow2/mend.ts";
import { openUpon } from "./qcow2/open.ts";
import { SwitchLayer } from "./switch-layer.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000);

const folder = temporaryFolder("chain");
const SIZE = 3 * 131_072;
let count = 0;

/** A base of ones, and overlays upon it that write 2, 3, ... over the byte of their number. */
async function makeChain(overlays: number): Promise<ChainLink[]> {
  const id = (count += 1);
  const links: ChainLink[] = [{ path: join(folder, `${id}.img`), format: "raw" }];
  await Bun.write(links[0]?.path ?? "", new Uint8Array(SIZE).fill(1));
  for (let level = 1; level <= overlays; level += 1) {
    await addOverlay(links, `${id}-${level}.qcow2`);
    const disk = await openWritableChain(links);
    disk.write(Uint8Array.of(level + 1), level);
    await disk.close();
  }
  return links;
}

async function addOverlay(links: ChainLink[], name: string): Promise<void> {
  const below = links.at(-1);
  const path = join(folder, name);
  await createOverlay(path, {
    sizeBytes: SIZE,
    ...(below && { backing: { name: backingName(path, below.path), format: below.format } }),
  });
  links.push({ path, format: "qcow2" });
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  return "no refusal";
}

describe("a chain of files", () => {
  test("reads through all of them, and is not changed by reading", async () => {
    const links = await makeChain(4);
    const disk = await openChain(links);
    const bytes = new Uint8Array(6);
    await disk.read(bytes, 0);
    expect([...bytes]).toEqual([1, 2, 3, 4, 5, 1]);
    expect(disk.readOnly).toBe(true);
    expect(() => disk.write(bytes, 0)).toThrow(expect.objectContaining({ code: "EROFS" }));
    const second = await openChain(links);
    await second.close();
    await disk.close();
  });

  test("may have 32 overlays and not one more", async () => {
    const links = await makeChain(32);
    const disk = await openChain(links);
    const bytes = new Uint8Array(33);
    expect(disk.tryRead(bytes, 0)).toBe(true);
    expect(bytes[32]).toBe(33);
    await disk.close();
    await addOverlay(links, "too-many.qcow2");
    expect(await refusal(openChain(links))).toMatchObject({ code: "EBADIMG" });
    expect(await refusal(openWritableChain(links))).toMatchObject({ code: "EBADIMG" });
  });

  test("is refused when a file is in it twice, by another name too", async () => {
    const [base, one, two] = await makeChain(2);
    if (!base || !one || !two) throw new Error("no chain");
    const alias = join(folder, "alias.qcow2");
    symlinkSync(one.path, alias);
    for (const links of [
      [base, one, two, one],
      [base, one, { path: alias, format: "qcow2" as const }],
    ]) {
      expect(await refusal(openChain(links))).toMatchObject({ code: "EBADIMG" });
    }
  });

  test("is refused when a file lies over another one than the record says, or a raw file over anything", async () => {
    const [base, one, two] = await makeChain(2);
    if (!base || !one || !two) throw new Error("no chain");
    expect(await refusal(openChain([base, two]))).toMatchObject({ code: "EBADIMG" });
    expect(await refusal(openChain([one, base]))).toMatchObject({ code: "EBADIMG" });
    expect(await refusal(openChain([two]))).toMatchObject({ code: "EBADIMG" });
  });

  test("whose lower file a kill left open is read after it was mended, and mended by opening it for writing", async () => {
    const links = await makeChain(1);
    const [base, one] = links;
    if (!base || !one) throw new Error("no chain");
    const abandoned = await openWritableChain(links);
    abandoned.write(Uint8Array.of(77), 100);
    const copies = [1, 2].map((n) => ({
      path: join(folder, `left-${n}.qcow2`),
      format: "qcow2" as const,
    }));
    for (const { path } of copies) {
      await Bun.write(path, Bun.file(one.path));
      await Bun.write(`${path}.journal`, Bun.file(`${one.path}.journal`));
    }
    await abandoned.close();
    const [first, second] = copies;
    if (!first || !second) throw new Error("no copies");
    expect(await refusal(openChain([base, first]))).toMatchObject({ code: "EUNCLEAN" });
    expect(await mendOverlay(first.path, backingName(first.path, base.path))).toMatchObject({
      kind: "killed",
    });
    const byte = new Uint8Array(1);
    await (await openChain([base, first])).read(byte, 100);
    expect(byte[0]).toBe(77);
    const upon = [base, second];
    await addOverlay(upon, "upon-left.qcow2");
    const disk = await openWritableChain(upon);
    await disk.read(byte.fill(0), 100);
    expect(byte[0]).toBe(77);
    await disk.close();
  });
});

describe("a snapshot of a disk in use", () => {
  test("holds what was written before the exchange and nothing of what came after", async () => {
    const links = await makeChain(1);
    const lower = await openWritableChain(links);
    const disk = new SwitchLayer(lower);
    disk.write(new Uint8Array(5000).fill(8), 10_000);
    const frozen = [...links];
    await addOverlay(links, `upper-${count}.qcow2`);
    const top = links.at(-1)?.path ?? "";
    const upper = await openUpon(lower, top, backingName(top, links.at(-2)?.path ?? ""));
    const settled = disk.replace(upper, () => lower.freeze());
    disk.write(new Uint8Array(100).fill(9), 12_000);
    await Promise.all([settled, disk.flush()]);
    expect(() => lower.write(Uint8Array.of(1), 0)).toThrow(expect.objectContaining({ code: "EROFS" }));
    const snapshot = await readAll(await openChain(frozen));
    const now = await readAll(disk);
    expect([snapshot[10_000], snapshot[12_000], now[10_000], now[12_000]]).toEqual([8, 8, 8, 9]);
    await disk.close();
    expectSame(await readAll(await openChain(links)), now);
  });

  test("is not durable, for a flush either, before the lower layer is", async () => {
    const links = await makeChain(1);
    const lower = await openWritableChain(links);
    const disk = new SwitchLayer(lower);
    await addOverlay(links, `upper-${count}.qcow2`);
    const top = links.at(-1)?.path ?? "";
    const upper = await openUpon(lower, top, backingName(top, links.at(-2)?.path ?? ""));
    let attempts = 0;
    const settle = async (): Promise<void> => {
      attempts += 1;
      if (attempts === 1) throw new Error("no space");
      await lower.freeze();
    };
    expect(await refusal(disk.replace(upper, settle))).toMatchObject({ message: "no space" });
    await disk.flush();
    await disk.flush();
    expect(attempts).toBe(2);
    await disk.close();
  });
});
