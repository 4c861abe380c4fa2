/**
 * Root disks for virtual Pis, arm64, kept in the cache. On every console: login `root`, password `pinetboot`, a shell
 * with the prompt `# `, and `count-writes FILE [PAUSE]`, which appends 1, 2, 3 ... each with fsync, and says `wrote N`.
 */
export type { Flavour } from "./debian-flavours.ts";
export { DEBIAN_ROOT_OFFSET_BYTES, debianRoot } from "./debian-root.ts";
export { kernelRoot, OWN_INITRAMFS_WORDS } from "./kernel-root.ts";
export { ROOT_PASSWORD } from "./password.ts";
export { smallRoot } from "./small-root.ts";
