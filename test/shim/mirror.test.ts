/** The package store against the real mirror of this machine, with a small package. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { committedLock } from "../../src/shim/debian/lock-file.ts";
import { PackageStore } from "../../src/shim/debian/package-store.ts";
import { describeWith } from "../support/tools.ts";

const MIRROR_MS = 120_000;

describeWith(["apt-get", "dpkg-deb", "flock"], "the package store", () => {
  let cacheDir = "";
  beforeAll(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), "pinetboot-mirror-"));
  });
  afterAll(async () => await rm(cacheDir, { recursive: true }));

  test(
    "takes the newest version, with a warning, when the mirror no longer has the locked one",
    async () => {
      const lock = committedLock();
      const gone = { package: "musl-dev", version: "0.0-gone", files: { "gone.deb": "00".repeat(32) } };
      const warnings: string[] = [];
      const store = new PackageStore({
        cacheDir,
        lock: { ...lock, packages: { ...lock.packages, "musl-dev": gone } },
        onWarning: (text) => warnings.push(text),
      });
      const fetched = await store.fetch("musl-dev");
      expect(fetched.locked).toBe(false);
      expect(warnings).toEqual([
        `The mirror no longer has musl-dev 0.0-gone: musl-dev ${fetched.version} is used.`,
      ]);
      await store.unpack(fetched, join(cacheDir, "unpacked"));
      const libc = Bun.file(join(cacheDir, "unpacked/usr/lib/aarch64-linux-musl/libc.a"));
      expect(await libc.exists()).toBe(true);
    },
    MIRROR_MS,
  );

  test(
    "refuses a file that is not the one of the lock",
    async () => {
      const lock = committedLock();
      const newest = await new PackageStore({ cacheDir, lock }).newest("musl-dev");
      const [file] = newest.files;
      const changed = {
        package: newest.name,
        version: newest.version,
        files: { [file?.fileName ?? ""]: "00".repeat(32) },
      };
      const store = new PackageStore({
        cacheDir,
        lock: { ...lock, packages: { ...lock.packages, "musl-dev": changed } },
      });
      const error: unknown = await store.fetch("musl-dev").catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "checksum" });
    },
    MIRROR_MS,
  );
});
