/** The Debian packages that the shim is made of; lock.json says which version of each. */

export interface PackageRow {
  /** Key in lock.json. */
  readonly id: string;
  /** Name of the package, or a pattern of names of which the one with the highest numbers is taken. */
  readonly name: string | RegExp;
  readonly kind: "binary" | "source";
  readonly suite: string;
  readonly component: string;
  /** SPDX name of what we take from it, for the bundle's manifest. */
  readonly licence: string;
}

export const PACKAGES = [
  {
    id: "linux-source",
    name: /^linux-source-(\d+)\.(\d+)$/,
    kind: "binary",
    suite: "trixie-backports",
    component: "main",
    licence: "GPL-2.0-only WITH Linux-syscall-note",
  },
  {
    // forky's: trixie's of 2024 knows neither the Pi 5's D0 chip nor the Pi 500.
    id: "raspi-firmware",
    name: "raspi-firmware",
    kind: "binary",
    suite: "forky",
    component: "non-free-firmware",
    licence: "LicenseRef-Broadcom-RaspberryPi-binary",
  },
  {
    // forky's, as above: it knows the Pi 5's and the Pi 500's radios.
    id: "firmware-brcm80211",
    name: "firmware-brcm80211",
    kind: "binary",
    suite: "forky",
    component: "non-free-firmware",
    licence: "LicenseRef-Broadcom-Cypress-binary",
  },
  {
    id: "wireless-regdb",
    name: "wireless-regdb",
    kind: "binary",
    suite: "trixie",
    component: "main",
    licence: "ISC",
  },
  {
    id: "busybox-static",
    name: "busybox-static",
    kind: "binary",
    suite: "trixie",
    component: "main",
    licence: "GPL-2.0-only",
  },
  { id: "musl-dev", name: "musl-dev", kind: "binary", suite: "trixie", component: "main", licence: "MIT" },
  {
    id: "linux-libc-dev",
    name: "linux-libc-dev",
    kind: "binary",
    suite: "trixie",
    component: "main",
    licence: "GPL-2.0-only WITH Linux-syscall-note",
  },
  {
    id: "open-iscsi",
    name: "open-iscsi",
    kind: "source",
    suite: "trixie",
    component: "main",
    licence: "GPL-2.0-or-later",
  },
  {
    id: "libzstd",
    name: "libzstd",
    kind: "source",
    suite: "trixie",
    component: "main",
    licence: "BSD-3-Clause",
  },
  {
    // BSD or GPL at the user's choice; with wolfSSL inside, the program as a whole is under the GPL.
    id: "wpa",
    name: "wpa",
    kind: "source",
    suite: "trixie",
    component: "main",
    licence: "BSD-3-Clause",
  },
  {
    // bookworm's: of later ones the mirrors have been seen without the files that their index names.
    id: "libnl3",
    name: "libnl3",
    kind: "source",
    suite: "bookworm",
    component: "main",
    licence: "LGPL-2.1-only",
  },
  {
    id: "wolfssl",
    name: "wolfssl",
    kind: "source",
    suite: "trixie",
    component: "main",
    licence: "GPL-2.0-or-later",
  },
  // As Debian builds it, with the libraries that it loads: the mirrors have been seen without its source's files.
  flashromPart("flashrom", "GPL-2.0-only"),
  flashromPart("libc6", "LGPL-2.1-or-later"),
  flashromPart("libcap2", "BSD-3-Clause OR GPL-2.0-only"),
  flashromPart("libftdi1-2", "LGPL-2.1-only"),
  flashromPart("libjaylink0", "GPL-2.0-or-later"),
  flashromPart("libpci3", "GPL-2.0-or-later"),
  flashromPart("libudev1", "LGPL-2.1-or-later"),
  flashromPart("libusb-1.0-0", "LGPL-2.1-or-later"),
  flashromPart("zlib1g", "Zlib"),
] as const satisfies readonly PackageRow[];

function flashromPart<const Name extends string>(name: Name, licence: string) {
  return { id: name, name, kind: "binary", suite: "trixie", component: "main", licence } as const;
}

export type PackageId = (typeof PACKAGES)[number]["id"];

/** The row of a package. */
export function packageRow(id: PackageId): PackageRow {
  const row = PACKAGES.find((each) => each.id === id);
  if (row === undefined) throw new RangeError(`no such package: ${id}`);
  return row;
}
