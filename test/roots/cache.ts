/** Test roots are expensive: each is made once per content of its recipe and kept in the user's cache. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../src/shim/cache.ts";
import { takeFileLock } from "../../src/shim/support/file-lock.ts";

export interface Recipe {
  /** File name of the result. */
  readonly name: string;
  /** Everything that changes the result, as text. */
  readonly inputs: readonly string[];
  /** Makes the file `image`; may use `scratch`, which is removed afterwards. */
  readonly make: (image: string, scratch: string) => Promise<void>;
}

/** Path of the finished image; made first when it is not in the cache. Concurrent callers wait for one maker. */
export async function cachedImage(recipe: Recipe): Promise<string> {
  const hash = createHash("sha256").update(recipe.inputs.join("\0")).digest("hex").slice(0, 16);
  const dir = join(cacheFolder(), "test", hash);
  const image = join(dir, recipe.name);
  if (existsSync(image)) return image;
  await mkdir(dir, { recursive: true });
  const lock = await takeFileLock(join(dir, "lock"));
  try {
    if (!existsSync(image)) await makeInto(recipe, dir, image);
    return image;
  } finally {
    await lock.release();
  }
}

async function makeInto(recipe: Recipe, dir: string, image: string): Promise<void> {
  const started = performance.now();
  console.log(`making ${recipe.name}, once for this machine ...`);
  const scratch = await mkdtemp(join(dir, "scratch-"));
  try {
    const unfinished = join(scratch, recipe.name);
    await recipe.make(unfinished, scratch);
    await rename(unfinished, image);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  console.log(`made ${recipe.name} in ${Math.round((performance.now() - started) / 1000)} s`);
}
