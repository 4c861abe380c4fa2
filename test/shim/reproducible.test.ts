/**
 * The bundle of this machine's cache, once more: initramfs, gzip, module pack and tar made anew in another folder, at
 * another time, under another umask, must be its very bytes. test/userland/initramfs.test.ts compiles the programs anew;
 * the kernel takes too long for a test: docs/shim.md has the command that compares it.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { file, gunzipSync } from "bun";
import { decodeTar, encodeTar } from "../../src/shim/bundle/tar.ts";
import { currentLock } from "../../src/shim/debian/lock-file.ts";
import { PackageStore } from "../../src/shim/debian/package-store.ts";
import type { PackageId } from "../../src/shim/debian/packages.ts";
import { cacheFolder, ensureShim, type ShimBundle, type ShimVariant } from "../../src/shim/index.ts";
import { ethernetExtras, wifiExtras } from "../../src/shim/initramfs-extras.ts";
import { gzipImage } from "../../src/shim/kernel/compile.ts";
import { ModuleIndex, MODULES_DEP } from "../../src/shim/modules/module-index.ts";
import { packModules } from "../../src/shim/modules/pack.ts";
import { siteWifi } from "../../src/shim/site-wifi.ts";
import { run } from "../../src/shim/support/run.ts";
import { buildInitramfs } from "../../src/shim/userland/build.ts";
import type { CpioEntry } from "../../src/shim/userland/cpio.ts";
import { variantRow } from "../../src/shim/variants.ts";
import { describeWith } from "../support/tools.ts";

/** The shim may have to be compiled first. */
const BUILD_MS = 3_600_000;
/** xz, mksquashfs and libdeflate at their best, on a busy machine; half a minute on an idle one. */
const PACK_MS = 300_000;
const PRIVATE_UMASK = 0o077;

describeWith(["root", "unsquashfs"], "the shim, made once more", () => {
  let bundle: ShimBundle;
  let store: PackageStore;
  let dir = "";
  let pack = "";
  let modulesDir = "";
  const umask = process.umask();

  beforeAll(async () => {
    bundle = await ensureShim({ cacheDir: cacheFolder(), allowInstall: true });
    process.umask(PRIVATE_UMASK);
    dir = mkdtempSync(join(tmpdir(), "pinetboot-again-"));
    const lock = await currentLock(cacheFolder());
    store = new PackageStore({ cacheDir: cacheFolder(), lock, onWarning: () => undefined });
    pack = bundle.manifest.files.find(({ part }) => part === "modules")?.path ?? "";
    modulesDir = join(dir, "modules");
    writeFileSync(join(dir, "pack"), bytesOf(pack));
    await run(["unsquashfs", "-quiet", "-no-progress", "-dest", modulesDir, join(dir, "pack")]);
  }, BUILD_MS);
  afterAll(() => {
    process.umask(umask);
    rmSync(dir, { recursive: true, force: true });
  });

  function bytesOf(path: string): Uint8Array {
    const found = bundle.file(path);
    if (!found) throw new Error(`the bundle has no ${path}`);
    return found;
  }

  const initramfs = (variant: ShimVariant, extra: readonly CpioEntry[]): Promise<string> =>
    buildInitramfs({
      workDir: join(dir, "some/deeper", variant),
      cacheDir: cacheFolder(),
      run,
      packages: store,
      variant,
      extra,
    });

  const unpackedAt = (id: PackageId): string => join(dir, id);

  /** The initramfs stands in the kernel as it is. */
  const kernelHolds = async (variant: ShimVariant, archive: string): Promise<boolean> =>
    Buffer.from(gunzipSync(new Uint8Array(bytesOf(variantRow(variant).image)))).includes(
      Buffer.from(await file(archive).bytes()),
    );

  test(
    "the initramfs of either variant, in a folder of another depth",
    async () => {
      const names = { kernelRelease: bundle.manifest.kernelRelease, pack };
      expect(await kernelHolds("ethernet", await initramfs("ethernet", ethernetExtras(names)))).toBe(true);

      for (const id of ["raspi-firmware", "firmware-brcm80211", "wireless-regdb"] as const)
        await store.unpack(await store.fetch(id), unpackedAt(id));
      const index = ModuleIndex.parse(await file(join(modulesDir, MODULES_DEP)).text());
      const site = await siteWifi(cacheFolder());
      const forWifi = await wifiExtras({ ...names, modules: { dir: modulesDir, index }, unpackedAt, site });
      expect(await kernelHolds("wifi", await initramfs("wifi", forWifi))).toBe(true);
    },
    PACK_MS,
  );

  test(
    "the module pack, from files that were written now and that nobody else may read",
    async () => {
      const again = join(dir, "again");
      mkdirSync(again);
      await run(["cp", "--recursive", "--no-preserve=all", `${modulesDir}/.`, again]);
      chmodSync(join(again, MODULES_DEP), 0o600);
      await packModules(run, again, join(dir, "pack-again"));
      expect(Buffer.from(await file(join(dir, "pack-again")).bytes()).equals(bytesOf(pack))).toBe(true);
    },
    PACK_MS,
  );

  test(
    "Image.gz of either variant, and the tar of it all",
    async () => {
      for (const variant of ["ethernet", "wifi"] as const) {
        const row = variantRow(variant);
        const image = join(dir, row.image);
        writeFileSync(image, gunzipSync(new Uint8Array(bytesOf(row.image))));
        expect(Buffer.from(await gzipImage(image, row)).equals(bytesOf(row.image))).toBe(true);
      }
      const tar = await file(bundle.tarPath).bytes();
      const entries = [...decodeTar(tar)].map(([path, data]) => ({ path, data }));
      expect(Buffer.from(encodeTar(entries)).equals(tar)).toBe(true);
    },
    PACK_MS,
  );
});
