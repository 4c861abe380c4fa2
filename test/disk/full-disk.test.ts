/** A disk that is full: writes are refused with ENOSPC, nothing that was there is harmed, and work goes on when there is space. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOverlay } from "../../src/disk/qcow2/create.ts";
import { openOverlay } from "../../src/disk/qcow2/open.ts";
import { ImageLibrary } from "../../src/images/library.ts";
import { expectSame, readAll } from "../support/layer-contract.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { expectCheckClean, expectIdentical } from "./qemu.ts";

const MIB = 1 << 20;
const SIZE = 16 * MIB;

describeWith(["root", "mount", "qemu-img"], "on a file system of 6 MiB", () => {
  const folder = temporaryFolder("full");
  // Not inside the folder above, which is removed before this is unmounted.
  const small = mkdtempSync(join(tmpdir(), "pinetboot-small-"));

  beforeAll(() => sh("mount", "-t", "tmpfs", "-o", "size=6m", "none", small));
  afterAll(() => {
    sh("umount", "-l", small);
    rmdirSync(small);
  });

  test("an overlay refuses what does not fit, keeps the rest, and goes on when there is space again", async () => {
    const path = join(small, "o.qcow2");
    const ballast = join(small, "ballast");
    await Bun.write(ballast, new Uint8Array(2 * MIB));
    await createOverlay(path, { sizeBytes: SIZE });
    const overlay = await openOverlay(path);
    const model = new Uint8Array(SIZE);
    let refused = 0;
    for (let at = 0; at < SIZE; at += 64 * 1024) {
      const fill = 1 + (at % 251);
      try {
        overlay.write(new Uint8Array(64 * 1024).fill(fill), at);
        model.fill(fill, at, at + 64 * 1024);
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOSPC" });
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(100);
    expectSame(await readAll(overlay), model);
    // What fits into clusters that are there needs no space.
    overlay.write(new Uint8Array(4096).fill(0xee), 8192);
    model.fill(0xee, 8192, 12_288);
    rmSync(ballast);
    overlay.write(new Uint8Array(MIB).fill(0xdd), 15 * MIB);
    model.fill(0xdd, 15 * MIB);
    await overlay.flush();
    overlay.discard(0, MIB);
    model.fill(0, 0, MIB);
    await overlay.flush();
    await overlay.close();
    await expectCheckClean(path);
    const raw = join(folder, "model.img");
    await Bun.write(raw, model);
    expectIdentical(path, raw);
    rmSync(path);
  });

  test("an import that does not fit leaves nothing behind and says why", async () => {
    const source = join(folder, "large.img");
    await Bun.write(source, new Uint8Array(12 * MIB).fill(1));
    const library = await ImageLibrary.open(join(small, "images"));
    const failure = await library.import({ path: source }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "no-space" });
    expect(library.list().map(({ id }) => id)).toEqual(["blank"]);
    expect(Array.from(new Bun.Glob("**/*").scanSync({ cwd: join(small, "images"), dot: true }))).toEqual([]);
  });
});

function sh(...command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}
