/** The shim: the small Linux that a Pi loads over the network, and everything its firmware needs to load it. */
export { bootTree, type BootTree, type BootTreeOptions } from "./boot-tree.ts";
export { DEVICE_TREES, type DeviceTreeRow } from "./boards/device-trees.ts";
export { openBundle, type ShimBundle } from "./bundle/bundle.ts";
export type { Manifest } from "./bundle/manifest.ts";
export { type CardOptions, cardFiles } from "./card/card-files.ts";
export { CARD_LABEL, cardDisk } from "./card/card-disk.ts";
export { renderWifiFile, type WifiNetwork } from "./card/wifi-file.ts";
export { cacheFolder } from "./cache.ts";
export { ensureShim, type EnsureShimOptions } from "./ensure-shim.ts";
export { extractShim } from "./extract-shim.ts";
export { findShim } from "./find-shim.ts";
export type { OnShimProgress, ShimProgress } from "./progress.ts";
export { ShimError, type ShimErrorCode } from "./support/shim-error.ts";
export { updateLock } from "./update-lock.ts";
