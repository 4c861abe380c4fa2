/** What we write QEMU finds in order and reads alike, and the other way about. */
import { expect, test, setDefaultTimeout } from "bun:test";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { createOverlay } from "../../src/disk/qcow2/create.ts";
import { openOverlay } from "../../src/disk/qcow2/open.ts";
import type { Overlay } from "../../src/disk/qcow2/overlay.ts";
import { openRawFile } from "../../src/disk/raw-file.ts";
import { expectSame, readAll, testLayer, type LayerUnderTest } from "../support/layer-contract.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { expectCheckClean, expectIdentical, isDirty, qemuIo } from "./qemu.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000);

const MIB = 1 << 20;
const SIZE = MIB + 3 * 512;
const BASE_BYTES = 300 * 1024 + 512;

describeWith(["qemu-img", "qemu-io"], "overlays as QEMU sees them", () => {
  const folder = temporaryFolder("qemu");
  const basePath = join(folder, "base.img");
  const base = Uint8Array.from({ length: BASE_BYTES }, (_, i) => (i >> 9) | 1);
  let count = 0;

  async function open(path: string, withBase = true): Promise<Overlay> {
    if (!withBase) return openOverlay(path);
    return openOverlay(path, {
      backing: { name: "base.img", layer: await openRawFile(basePath, { readOnly: true }) },
    });
  }

  async function create(sizeBytes: number, withBase = true): Promise<string> {
    await Bun.write(basePath, base);
    const path = join(folder, `overlay-${(count += 1)}.qcow2`);
    await createOverlay(path, {
      sizeBytes,
      ...(withBase && { backing: { name: "base.img", format: "raw" as const } }),
    });
    return path;
  }

  function initial(withBase: boolean): Uint8Array {
    const bytes = new Uint8Array(SIZE);
    if (withBase) bytes.set(base);
    return bytes;
  }

  async function layerUnderTest(withBase: boolean): Promise<LayerUnderTest> {
    const path = await create(SIZE, withBase);
    let layer = await open(path, withBase);
    return {
      layer,
      initial: initial(withBase),
      reopen: async () => {
        await layer.close();
        await expectCheckClean(path);
        return (layer = await open(path, withBase));
      },
      afterwards: async (content) => {
        const model = join(folder, "model.img");
        await Bun.write(model, content);
        await expectCheckClean(path);
        expectIdentical(path, model);
      },
    };
  }

  testLayer("an overlay over an image", () => layerUnderTest(true));
  testLayer("an overlay over nothing", () => layerUnderTest(false));

  test("what qemu-io writes on our overlay we read, and what we write then it reads", async () => {
    const path = await create(4 * 2 ** 30);
    const first = await open(path);
    first.write(new Uint8Array(70_000).fill(0x11), 5000);
    await first.close();
    qemuIo(
      path,
      "read -P 0x11 5000 70000",
      "write -P 0x22 40k 3M",
      "write -z 1M 256k",
      "discard 2M 512k",
      "write -P 0x33 3G 5k",
    );
    const second = await open(path);
    expect(second.recovery).toEqual({ kind: "clean" });
    const model = new Uint8Array(4 * MIB);
    model.set(base);
    model.fill(0x11, 5000, 75_000).fill(0x22, 40 * 1024, 40 * 1024 + 3 * MIB);
    model.fill(0, MIB, MIB + 256 * 1024).fill(0, 2 * MIB, 2 * MIB + 512 * 1024);
    const got = new Uint8Array(4 * MIB);
    await second.read(got, 0);
    expectSame(got, model);
    second.write(new Uint8Array(3000).fill(0x44), 3 * 2 ** 30 + 1000);
    second.discard(2 ** 20 * 3, 2 ** 20);
    await second.close();
    await expectCheckClean(path);
    qemuIo(
      path,
      "read -P 0x33 3G 1000",
      "read -P 0x44 3221226472 3000",
      "read -P 0x33 3221229472 1120",
      "read -P 0 3M 1M",
    );
  });

  test("random writes over a disk of 3 TiB stay clean, in few kilobytes for each", async () => {
    const path = await create(3 * 2 ** 40, false);
    const overlay = await open(path, false);
    const written = new Map<number, number>();
    let seed = 1;
    for (let i = 0; i < 300; i += 1) {
      seed = (seed * 48_271) % 0x7fffffff;
      const block = Math.floor((seed / 0x7fffffff) * (3 * 2 ** 28));
      overlay.write(new Uint8Array(4096).fill(i), block * 4096);
      written.set(block, i & 0xff);
      if (i % 50 === 0) await overlay.flush();
    }
    await overlay.close();
    await expectCheckClean(path);
    const again = await open(path, false);
    for (const [block, fill] of written) {
      const bytes = new Uint8Array(4096);
      await again.read(bytes, block * 4096);
      expectSame(bytes, new Uint8Array(4096).fill(fill));
    }
    await again.close();
  }, 60_000);

  test("a file past 8 GiB gets a second refcount block, and a kill there is mended too", async () => {
    const path = await create(2 ** 40, false);
    // All hole; what comes next lies around the end of what one block of refcounts counts.
    truncateSync(path, 8 * 2 ** 30 - 3 * 128 * 1024);
    const first = await open(path, false);
    for (let i = 1; i <= 12; i += 1) first.write(block(i), i * 2 ** 30);
    await first.close();
    await expectCheckClean(path);
    const abandoned = await open(path, false);
    for (let i = 13; i <= 24; i += 1) abandoned.write(block(i), i * 2 ** 30);
    await abandoned.flush();
    abandoned.write(block(25), 25 * 2 ** 30);
    const mended = await open(path, false);
    expect(mended.recovery.kind).toBe("killed");
    for (let i = 1; i <= 25; i += 1) {
      const bytes = new Uint8Array(4096);
      await mended.read(bytes, i * 2 ** 30);
      expectSame(bytes, block(i));
    }
    await mended.close();
    await expectCheckClean(path);
  });

  test("a file left by a kill is mended by opening and closing it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(fc.nat(SIZE - 1), fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 0, max: 255 })),
          {
            maxLength: 12,
          },
        ),
        fc.nat(12),
        async (writes, flushAfter) => {
          const path = await create(SIZE);
          const abandoned = await open(path);
          const model = initial(true);
          for (const [index, [at, length, fill]] of writes.entries()) {
            const end = Math.min(SIZE, at + length);
            if (fill === 0) abandoned.discard(at, end - at);
            else abandoned.write(new Uint8Array(end - at).fill(fill), at);
            model.fill(fill, at, end);
            if (index === flushAfter) await abandoned.flush();
          }
          expect(await isDirty(path)).toBe(true);
          // As after a kill: the files as they are, and nobody who has them open.
          const copy = join(folder, `killed-${count}.qcow2`);
          await Bun.write(copy, Bun.file(path));
          await Bun.write(`${copy}.journal`, Bun.file(`${path}.journal`));
          await abandoned.close();
          const mended = await open(copy);
          expect(mended.recovery.kind).toBe("killed");
          expectSame(await readAll(mended), model);
          await mended.close();
          await expectCheckClean(copy);
          const raw = join(folder, "model.img");
          await Bun.write(raw, model);
          expectIdentical(copy, raw);
        },
      ),
      { numRuns: 15 },
    );
  }, 60_000);

  test("what QEMU repaired after a kill is not overwritten by an old journal", async () => {
    const path = await create(SIZE);
    const abandoned = await open(path);
    abandoned.write(new Uint8Array(4096).fill(0x55), 0);
    await abandoned.flush();
    abandoned.write(new Uint8Array(4096).fill(0x66), 512 * 1024);
    const copy = join(folder, "repaired.qcow2");
    await Bun.write(copy, Bun.file(path));
    await Bun.write(`${copy}.journal`, Bun.file(`${path}.journal`));
    await abandoned.close();
    qemuIo(copy, "write -P 0x77 512k 4k");
    const ours = await open(copy);
    expect(ours.recovery).toEqual({ kind: "clean" });
    const bytes = new Uint8Array(4096);
    await ours.read(bytes, 512 * 1024);
    expectSame(bytes, new Uint8Array(4096).fill(0x77));
    await ours.close();
    await expectCheckClean(copy);
  });
});

function block(fill: number): Uint8Array {
  return new Uint8Array(4096).fill(fill);
}
