/** What QEMU's programs make of a session's overlay: its content, its map, and what they write into it, read by us. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Extent } from "../../src/disk/layer.ts";
import { openOverlay } from "../../src/disk/qcow2/open.ts";
import type { Overlay } from "../../src/disk/qcow2/overlay.ts";
import { openRawFile } from "../../src/disk/raw-file.ts";
import { expectSame, readAll } from "../support/layer-contract.ts";
import { iscsiUrl, qemuIo, runProgram, TestServer } from "../support/pinetboot.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { expectCheckClean, expectIdentical } from "./qemu.ts";

setDefaultTimeout(60_000);

const KIB = 1024;
const MIB = 2 ** 20;
const DISK_BYTES = 24 * MIB;
const BASE_BYTES = 8 * MIB;

const Info = z.object({
  "virtual-size": z.number(),
  "cluster-size": z.number(),
  "backing-filename": z.string(),
  "backing-filename-format": z.string(),
  "format-specific": z.object({
    data: z.object({
      compat: z.string(),
      "extended-l2": z.boolean(),
      "refcount-bits": z.number(),
      corrupt: z.boolean(),
    }),
  }),
});
const MapEntries = z.array(
  z.object({
    start: z.number(),
    length: z.number(),
    depth: z.number(),
    present: z.boolean(),
    zero: z.boolean(),
    data: z.boolean(),
  }),
);

describeWith(["qemu-img", "qemu-io"], "an overlay that was written over iSCSI", () => {
  const folder = temporaryFolder("oracles");
  /** The base and the overlay as the server left them; each test takes a copy. */
  const left = join(folder, "left");
  const base = Uint8Array.from({ length: BASE_BYTES }, (_, at) => ((at >> 16) % 251) | 1);
  const model = new Uint8Array(DISK_BYTES);
  let server: TestServer | undefined;
  afterAll(() => server?.stop("SIGKILL"));

  beforeAll(async () => {
    mkdirSync(left);
    await Bun.write(join(left, "base.img"), base);
    server = await TestServer.start({ data: join(folder, "data") });
    await server.json(
      z.object({ id: z.string() }),
      "image",
      "import",
      join(left, "base.img"),
      "--name",
      "base",
    );
    const session = await server.createSession({ image: "base", size: "24M" });
    const written = await qemuIo(
      iscsiUrl(session),
      "write -P 0x11 40k 3M",
      "write -P 0x22 5M 512",
      "write -f -P 0x33 7900k 400k",
      "flush",
      "discard 1M 512k",
      "write -z 6M 300k",
      "write -P 0x44 20M 4k",
      "read -P 0x11 40k 984k",
      "read -P 0 1M 512k",
      "read -P 0x33 7900k 400k",
      "read -P 0 10M 1M",
    );
    expect(written.stdout + written.stderr).not.toContain("failed");
    expect(written.code).toBe(0);
    await server.stop();
    copyFileSync(join(folder, "data", "overlays", `${session.id}.qcow2`), join(left, "overlay.qcow2"));
    await sh("qemu-img", "rebase", "-u", "-b", "base.img", "-F", "raw", join(left, "overlay.qcow2"));
    model.set(base);
    model.fill(0x11, 40 * KIB, 40 * KIB + 3 * MIB).fill(0x22, 5 * MIB, 5 * MIB + 512);
    model
      .fill(0x33, 7900 * KIB, 8300 * KIB)
      .fill(0, MIB, MIB + 512 * KIB)
      .fill(0, 6 * MIB, 6 * MIB + 300 * KIB);
    model.fill(0x44, 20 * MIB, 20 * MIB + 4 * KIB);
    await Bun.write(join(left, "model.img"), model);
  });

  /** A copy of the base and the overlay, to spoil. */
  function copy(name: string): { place: string; overlay: string; base: string } {
    const place = join(folder, name);
    mkdirSync(place);
    for (const file of ["base.img", "overlay.qcow2"]) copyFileSync(join(left, file), join(place, file));
    return { place, overlay: join(place, "overlay.qcow2"), base: join(place, "base.img") };
  }

  test("has no error, no leak, neither dirty nor corrupt bit, and the content that was written", async () => {
    const { overlay, place } = copy("check");
    await expectCheckClean(overlay);
    const header = new DataView(await Bun.file(overlay).slice(0, 112).arrayBuffer());
    // Bit 0 dirty, bit 1 corrupt, bit 4 extended L2.
    expect(header.getBigUint64(72)).toBe(16n);
    expectIdentical(overlay, join(left, "model.img"));
    const opened = await open(overlay, place);
    expectSame(await readAll(opened), model);
    await opened.close();
  });

  test("is what qemu-img info says of it", async () => {
    const { overlay } = copy("info");
    const info = Info.parse(JSON.parse(await sh("qemu-img", "info", "--output=json", overlay)));
    expect(info).toEqual({
      "virtual-size": DISK_BYTES,
      "cluster-size": 128 * KIB,
      "backing-filename": "base.img",
      "backing-filename-format": "raw",
      "format-specific": {
        data: { compat: "1.1", "extended-l2": true, "refcount-bits": 16, corrupt: false },
      },
    });
  });

  test("has the map that qemu-img map sees: what is here, what is zero, what lies beneath", async () => {
    const { overlay, place } = copy("map");
    const seen = MapEntries.parse(JSON.parse(await sh("qemu-img", "map", "--output=json", overlay)));
    const opened = await open(overlay, place);
    const extents = [...opened.extents(0, DISK_BYTES)];
    await opened.close();
    for (const extent of extents) {
      for (const at of [extent.offset, extent.offset + extent.length - 1]) {
        const entry = seen.find(({ start, length }) => at >= start && at < start + length);
        expect({ at, kind: kindOf(entry) }).toEqual({ at, kind: inBase(extent, at) });
      }
    }
    // QEMU divides further where the file lies in pieces.
    for (const { offset } of extents) expect(seen.some(({ start }) => start === offset)).toBe(true);
  });

  test("is committed by qemu-img into its base, which then reads alike", async () => {
    const { overlay, base: lower } = copy("commit");
    await sh("qemu-img", "resize", "-f", "raw", lower, String(DISK_BYTES));
    await sh("qemu-img", "commit", "-q", overlay);
    expectSame(await Bun.file(lower).bytes(), model);
  });

  test("is rebased by qemu-img in safe mode onto another base, and we read it alike", async () => {
    const { overlay, place } = copy("rebase");
    const other = base.slice().fill(0x77, 2 * MIB, 5 * MIB);
    await Bun.write(join(place, "other.img"), other);
    await sh("qemu-img", "rebase", "-b", "other.img", "-F", "raw", overlay);
    await expectCheckClean(overlay);
    const opened = await open(overlay, place, "other.img");
    expectSame(await readAll(opened), model);
    opened.write(new Uint8Array(5000).fill(0x55), 3 * MIB + 100);
    await opened.close();
    await expectCheckClean(overlay);
    const after = model.slice().fill(0x55, 3 * MIB + 100, 3 * MIB + 5100);
    await Bun.write(join(place, "after.img"), after);
    expectIdentical(overlay, join(place, "after.img"));
  });

  test("is refused when it is marked as corrupt, which qemu-img check does not mention", async () => {
    const { overlay, place } = copy("bits");
    const file = await Bun.file(overlay).bytes();
    new DataView(file.buffer).setBigUint64(72, 16n | 2n);
    await Bun.write(overlay, file);
    expect(await sh("qemu-img", "check", overlay)).toContain("No errors were found");
    const refused = await open(overlay, place).catch((error: unknown) => error);
    expect(String(refused)).toContain("marked as corrupt");
  });
});

async function open(overlay: string, place: string, name = "base.img"): Promise<Overlay> {
  const layer = await openRawFile(join(place, name), { readOnly: true });
  return openOverlay(overlay, { backing: { name, layer } });
}

type Entry = z.infer<typeof MapEntries>[number];

/** Depth 0 is the overlay, 1 the base; what neither has reads as zeros. */
function kindOf(entry: Entry | undefined): Extent["kind"] | undefined {
  if (!entry) return undefined;
  if (entry.depth === 0 && entry.present) return entry.zero ? "zero" : "data";
  return entry.depth === 1 ? "backing" : "zero";
}

/** Where the base has ended, what lies beneath is zeros. */
function inBase({ kind }: Extent, at: number): Extent["kind"] {
  return kind === "backing" && at >= BASE_BYTES ? "zero" : kind;
}

async function sh(...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(command);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}
