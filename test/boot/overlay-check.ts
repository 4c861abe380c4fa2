/** What a Pi has left on its disk, looked at from outside by other people's programs. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/shim/support/run.ts";
import { DEBIAN_ROOT_OFFSET_BYTES } from "../roots/index.ts";

/**
 * Throws unless the overlay of a Debian root is whole for qemu-img, and the file system of its root was unmounted (no
 * journal to replay) and is clean for e2fsck. No server may have it open; `scratch` takes a copy for a moment.
 */
export async function checkRootFilesystem(overlay: string, scratch: string): Promise<void> {
  await run(["qemu-img", "check", overlay]);
  const copy = join(scratch, "whole-disk.img");
  await run(["qemu-img", "convert", "-O", "raw", overlay, copy]);
  const said = await run(["e2fsck", "-f", "-n", `${copy}?offset=${DEBIAN_ROOT_OFFSET_BYTES}`]);
  rmSync(copy);
  if (/journal/i.test(said)) throw new Error(`the root of ${overlay} was not unmounted:\n${said}`);
}
