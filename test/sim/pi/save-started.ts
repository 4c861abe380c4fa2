/** Leaves what the CPU would be started with as files, for QEMU. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Started } from "./emulator.ts";
import type { StartedFiles } from "./result.ts";

/** Writes kernel, device-tree.dtb and initramfs into a folder, which is made when absent. */
export async function saveStarted(dir: string, started: Started): Promise<StartedFiles> {
  await mkdir(dir, { recursive: true });
  const paths = {
    kernelPath: join(dir, "kernel"),
    deviceTreePath: join(dir, "device-tree.dtb"),
    initramfsPath: started.initramfs ? join(dir, "initramfs") : undefined,
  };
  await Bun.write(paths.kernelPath, started.kernel);
  await Bun.write(paths.deviceTreePath, started.deviceTree);
  if (paths.initramfsPath) await Bun.write(paths.initramfsPath, started.initramfs ?? "");
  const { kernelName, deviceTreeName, cmdline, warnings } = started;
  return { ...paths, kernelName, deviceTreeName, cmdline, warnings };
}
