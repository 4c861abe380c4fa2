import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeTar } from "./bundle/tar.ts";
import type { BuildOptions } from "./build-shim.ts";
import { ensureShim } from "./ensure-shim.ts";
import type { ShimProgress } from "./progress.ts";
import { inputsKey, storeBundle } from "./shim-cache.ts";
import { ShimError, throwIfCancelled } from "./support/shim-error.ts";

/** Long enough for a waiting builder to look twice. */
const BUILD_MS = 1200;

describe("the shim on demand", () => {
  let cacheDir = "";
  let built: string[] = [];
  beforeEach(async () => {
    built = [];
    cacheDir = await mkdtemp(join(tmpdir(), "pinetboot-ensure-"));
  });
  afterEach(async () => await rm(cacheDir, { recursive: true }));

  const progress: ShimProgress = { step: "compile the kernel", fraction: 0.5, etaSeconds: 300 };

  /** A builder that takes a moment and stores a bundle without files. */
  async function build({ lock, onProgress, signal }: BuildOptions): Promise<string> {
    const inputs = inputsKey(lock);
    built.push(inputs);
    onProgress(progress);
    await Bun.sleep(BUILD_MS);
    throwIfCancelled(signal);
    const manifest = {
      format: 2,
      inputs,
      kernelRelease: "1-test",
      files: [],
      sources: [],
    };
    const data = new TextEncoder().encode(JSON.stringify(manifest));
    return await storeBundle(cacheDir, inputs, encodeTar([{ path: "manifest.json", data }]));
  }

  test("is built once by all who ask at the same time, and each hears how far it is", async () => {
    const heard: ShimProgress[][] = [[], []];
    const bundles = await Promise.all(
      heard.map((list) => ensureShim({ cacheDir, build, onProgress: (each) => list.push(each) })),
    );
    expect(bundles.map(({ manifest }) => manifest.kernelRelease)).toEqual(["1-test", "1-test"]);
    expect(built).toHaveLength(1);
    for (const list of heard) expect(list).toContainEqual(progress);
  });

  test("is not built again when it is there", async () => {
    await ensureShim({ cacheDir, build });
    const again = await ensureShim({ cacheDir, build });
    expect(again.manifest.kernelRelease).toBe("1-test");
    expect(built).toHaveLength(1);
  });

  test("is built by the next one when the first builder fails", async () => {
    const failing = ensureShim({
      cacheDir,
      build: async () => {
        throw new ShimError("command-failed", "the compiler says no");
      },
    });
    expect(await failing.catch((thrown: unknown) => thrown)).toMatchObject({ code: "command-failed" });
    expect((await ensureShim({ cacheDir, build })).manifest.kernelRelease).toBe("1-test");
  });

  test("is given up when the one who asked cancels, also while waiting for another builder", async () => {
    const abort = new AbortController();
    const first = ensureShim({ cacheDir, build, onProgress: () => abort.abort() });
    const second = ensureShim({ cacheDir, build, signal: abort.signal });
    expect(await second.catch((thrown: unknown) => thrown)).toMatchObject({ code: "cancelled" });
    await first;
  });
});
