import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../../src/shim/cache.ts";
import { PackageStore } from "../../src/shim/debian/package-store.ts";
import lock from "../../src/shim/lock.json";
import { run } from "../../src/shim/support/run.ts";
import { sha256OfFile } from "../../src/shim/support/hash.ts";
import { buildInitramfs, initramfsInputs } from "../../src/shim/userland/build.ts";
import { describeWith } from "../support/tools.ts";

/** Two builds, one of them without any program in the cache, on a machine that is busy with other suites. */
const BUILD_MS = 120_000;
/** What the initramfs may add to an Image.gz of 7 MB. */
const SIZE_LIMIT_BYTES = 1_100_000;
const TOOLS = [
  "aarch64-linux-gnu-gcc",
  "xz",
  "cpio",
  "dpkg-deb",
  "dpkg-source",
  "qemu-aarch64-static",
] as const;

describeWith(TOOLS, "the initramfs", () => {
  let dir: string;
  let archive: string;
  let packages: PackageStore;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "pinetboot-initramfs-"));
    packages = new PackageStore({ cacheDir: cacheFolder(), lock });
    archive = await buildInitramfs({
      workDir: join(dir, "first"),
      cacheDir: cacheFolder(),
      run,
      packages,
      variant: "ethernet",
    });
  }, BUILD_MS);
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  test("is small enough to travel by TFTP inside the kernel", () => {
    expect(Bun.file(archive).size).toBeLessThan(SIZE_LIMIT_BYTES);
  });

  test(
    "is the same byte for byte when it is built elsewhere, with nothing in the cache",
    async () => {
      const elsewhere = join(dir, "a-folder-with-another-length");
      const again = await buildInitramfs({
        workDir: elsewhere,
        cacheDir: join(dir, "cache"),
        run,
        packages,
        variant: "ethernet",
      });
      expect(await sha256OfFile(again)).toBe(await sha256OfFile(archive));
    },
    BUILD_MS,
  );

  test("is an archive that cpio reads, with the kernel's console and a program for every name", async () => {
    await run(
      [
        "sh",
        "-c",
        `mkdir tree && cd tree && xz -dc '${archive}' | cpio -id --no-absolute-filenames --quiet 'bin/*' 'sbin/*' init`,
      ],
      { cwd: dir },
    );
    const listed = await run(["sh", "-c", `xz -dc '${archive}' | cpio -itv --quiet`]);
    expect(listed).toMatch(/^crw-------.* 5, +1 .* dev\/console$/m);
    const tree = join(dir, "tree");
    const answers = {
      "sbin/iscsistart": ["--version"],
      "sbin/iscsid": ["--version"],
      "bin/busybox": ["sh", "-n", join(tree, "init")],
    };
    for (const [program, words] of Object.entries(answers))
      await run(["qemu-aarch64-static", join(tree, program), ...words]);
    const applets = await run(["qemu-aarch64-static", join(tree, "bin/busybox"), "--list"]);
    for (const [, name] of listed.matchAll(/ bin\/(\S+) -> busybox$/gm))
      expect(applets.split("\n")).toContain(name ?? "");
  });

  test("names its inputs, so that a changed script makes another shim", () => {
    expect(initramfsInputs().join("\n")).toContain("say handover ok");
    expect(initramfsInputs().join("\n")).toContain("md5_block");
    expect(initramfsInputs().join("\n")).toContain("--gc-sections");
  });
});
