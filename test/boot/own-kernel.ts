/** What boot tests of mode kexec have in common: the way into the image's own kernel, and what must hold there. */
import { expect } from "bun:test";
import { ROOT_PASSWORD } from "../roots/index.ts";
import type { Console } from "./console.ts";
import { BOOT_TEST_NEEDS } from "./needs.ts";
import type { VirtualPi } from "./virtual-pi.ts";

/** Firmware, shim, unpacking and a second kernel under TCG on a busy machine; 60 s on an idle one. */
export const KEXEC_BOOT_MS = 600_000;
export const KEXEC_NEEDS = [...BOOT_TEST_NEEDS, "cpio", "depmod", "dtc", "fdtput", "zstd"];

/** Switches the Pi on and logs in to the target under its own kernel. */
export async function bootOwnKernel(pi: VirtualPi): Promise<Console> {
  const console = await pi.powerOn();
  await console.waitFor(/stage=kexec state=ok starting Linux 6\.1\./, KEXEC_BOOT_MS, /state=fail/);
  await console.logIn(ROOT_PASSWORD, KEXEC_BOOT_MS);
  return console;
}

/** Another version than the shim's, all four CPUs, the disk by its own secret, which stands where only root reads. */
export async function expectOwnKernel(console: Console): Promise<void> {
  expect(await console.run("uname -r")).toMatch(/^6\.1\.\d+-\d+-arm64$/);
  expect(await console.run("cat /sys/devices/system/cpu/online")).toBe("0-3");
  expect(await console.run("cat /sys/class/iscsi_session/*/state")).toBe("LOGGED_IN");
  const secret = await console.run("cat /sys/class/iscsi_session/*/password");
  expect(secret).toMatch(/^[A-Za-z0-9]{16}$/);
  const words = await console.run("cat /proc/cmdline");
  expect(words).not.toContain(secret);
  expect(words).toContain("root=PARTUUID=70696e65-02 rootfstype=ext4 rootwait");
  expect(words).not.toContain("maxcpus");
}
