/** Which modules go where; all the others are in the module pack alone. */

/** In the WiFi variant's initramfs: the Pi's own chip, and what its driver loads by itself for each maker. */
export const WIFI_MODULES = ["brcmfmac", "brcmfmac-bca", "brcmfmac-cyw", "brcmfmac-wcc"] as const;

/** Loaded by tests alone: kept beside the bundle in the cache, and in nothing that a Pi gets. */
export const TEST_MODULES = [
  "bochs",
  "dummy_hcd",
  "mac80211_hwsim",
  "spi_cadence",
  "virtio_input",
  "virtio-gpu",
] as const;

/** What tests load besides, before a root and its pack are there: an access point's bridge, and its radio's ciphers. */
export const ALSO_FOR_TESTS = ["aes", "bridge", "ccm", "cmac", "ctr", "gcm", "veth"] as const;
