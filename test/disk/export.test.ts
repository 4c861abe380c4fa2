/** Exports and chains as QEMU's tools see them. */
import { expect, test, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { backingName, openChain, openWritableChain, type ChainLink } from "../../src/disk/chain.ts";
import { contentRuns } from "../../src/disk/export/content.ts";
import { exportDisk } from "../../src/disk/export/export-disk.ts";
import { createOverlay } from "../../src/disk/qcow2/create.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { expectCheckClean, expectIdentical } from "./qemu.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000);

const MIB = 2 ** 20;
/** More than one L2 table of an exported file maps, and no whole cluster. */
const SIZE = 600 * MIB + 1536;

function tool(...command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}${stdout.toString()}`);
  return stdout.toString();
}

describeWith(["qemu-img"], "a chain as QEMU sees it", () => {
  const folder = temporaryFolder("qemu-export");
  let count = 0;

  /** A raw base and three overlays, with data, discards and zeros that lie over one another. */
  async function makeChain(): Promise<readonly ChainLink[]> {
    const id = (count += 1);
    const base = join(folder, `${id}.img`);
    await Bun.write(base, crypto.getRandomValues(new Uint8Array(60_000)));
    tool("truncate", "-s", String(5 * MIB), base);
    const links: ChainLink[] = [{ path: base, format: "raw" }];
    let seed = id;
    for (const level of [1, 2, 3]) {
      const path = join(folder, `${id}-${level}.qcow2`);
      const below = links.at(-1);
      if (!below) throw new Error("no base");
      await createOverlay(path, {
        sizeBytes: SIZE,
        backing: { name: backingName(path, below.path), format: below.format },
      });
      links.push({ path, format: "qcow2" });
      const disk = await openWritableChain(links);
      for (let i = 0; i < 12; i += 1) {
        seed = (seed * 48_271) % 0x7fffffff;
        const at = i < 6 ? seed % (2 * MIB) : Math.floor((seed / 0x7fffffff) * (SIZE - 200_000));
        if (i % 4 === 3) disk.discard(at, 150_000);
        else disk.write(new Uint8Array((seed % 90_000) + 1).fill(seed & 0xff), at);
      }
      disk.write(new Uint8Array(512).fill(level), SIZE - 512);
      await disk.close();
      await expectCheckClean(path);
    }
    return links;
  }

  test("is exported to files that check finds no fault in and compare finds the same", async () => {
    const chain = await makeChain();
    const top = chain.at(-1)?.path ?? "";
    const raw = join(folder, "export.img");
    const qcow2 = join(folder, "export.qcow2");
    await exportDisk({ chain, target: raw, format: "raw" });
    await exportDisk({ chain, target: qcow2, format: "qcow2" });
    expectIdentical(top, raw);
    expectIdentical(qcow2, raw);
    await expectCheckClean(qcow2);
    const info: unknown = JSON.parse(tool("qemu-img", "info", "--output=json", qcow2));
    expect(info).toMatchObject({ "virtual-size": SIZE, format: "qcow2", "dirty-flag": false });
    expect(info).not.toHaveProperty("backing-filename");
  });

  test("has the map that qemu-img map tells, and the chain that info tells", async () => {
    const chain = await makeChain();
    const top = chain.at(-1)?.path ?? "";
    const map = MapOf.parse(tool("qemu-img", "map", "--output=json", top));
    const disk = await openChain(chain);
    for (const { start, length, zero } of map) {
      const kinds = new Set([...contentRuns(disk, start, length)].map(({ kind }) => kind));
      // What lies beneath nothing, and what was discarded, is zero for both; a hole in the raw base may be data for one.
      if (!zero) expect([...kinds]).toEqual(["data"]);
    }
    const zeros = map.filter(({ zero }) => zero).reduce((sum, { length }) => sum + length, 0);
    const ours = [...contentRuns(disk, 0, SIZE)].filter(({ kind }) => kind === "zero");
    expect(ours.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(zeros - MIB);
    await disk.close();
    const layers: unknown = JSON.parse(tool("qemu-img", "info", "--backing-chain", "--output=json", top));
    expect(layers).toHaveLength(4);
  });

  test("reads the same for us and for QEMU after commit and rebase by qemu-img", async () => {
    const chain = await makeChain();
    const [base, one, two, three] = chain.map(({ path }) => path);
    if (!base || !one || !two || !three) throw new Error("no chain");
    const before = join(folder, "before.img");
    await exportDisk({ chain, target: before, format: "raw" });
    tool("qemu-img", "commit", "-q", "-d", three);
    await expectCheckClean(two);
    expectIdentical(two, before);
    const shorter = chain.slice(0, 3);
    const after = join(folder, "after.img");
    await exportDisk({ chain: shorter, target: after, format: "raw" });
    expectIdentical(two, after);
    tool("qemu-img", "compare", "-q", "-f", "raw", "-F", "raw", before, after);
    tool("qemu-img", "rebase", "-q", "-f", "qcow2", "-F", "raw", "-b", backingName(two, base), two);
    await expectCheckClean(two);
    const [first] = chain;
    if (!first) throw new Error("no chain");
    const rebased = join(folder, "rebased.img");
    await exportDisk({
      chain: [first, { path: two, format: "qcow2" }],
      target: rebased,
      format: "raw",
    });
    tool("qemu-img", "compare", "-q", "-f", "raw", "-F", "raw", before, rebased);
  });
});

interface MapEntry {
  readonly start: number;
  readonly length: number;
  readonly zero: boolean;
}

/** The JSON of `qemu-img map`. */
const MapOf = {
  parse(json: string): MapEntry[] {
    const entries: unknown = JSON.parse(json);
    if (!Array.isArray(entries)) throw new Error("no map");
    return entries.map((entry: unknown): MapEntry => {
      const { start, length, zero } = Object(entry);
      return { start: Number(start), length: Number(length), zero: zero === true };
    });
  },
};
