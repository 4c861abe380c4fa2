import { MANIFEST, type ShimBundle } from "./bundle/bundle.ts";
import type { ManifestFile } from "./bundle/manifest.ts";
import { CMDLINES, renderCmdlineFile } from "./boards/cmdline.ts";
import { byCodePoint } from "./support/sort.ts";
import { renderConfigTxt } from "./boards/config-txt.ts";
import { type ShimVariant, variantRow } from "./variants.ts";

/** The files that a Pi's firmware asks for, below whatever prefix it uses; nothing of it is on disk. */
export interface BootTree {
  /** A file by its path below the prefix ("config.txt", "overlays/dwc2.dtbo"); undefined when there is none. */
  get(path: string): Uint8Array | undefined;
  /** Every path that `get` answers, sorted. */
  paths(): readonly string[];
}

export interface BootTreeOptions {
  /** The whole kernel command line; `console=serial0` in it becomes the serial console of each board. */
  readonly cmdline: string;
  /** The port that can be a USB device is to be one: mode usb. */
  readonly usbDevice?: boolean | undefined;
  /** Default "ethernet". */
  readonly variant?: ShimVariant | undefined;
}

/** The kernel of either variant, as config.txt names it. */
const KERNEL = "Image.gz";

/** Prefix that the firmware tries first for a mainline kernel (`upstream_kernel=1`); the files are the same. */
const UPSTREAM_PREFIX = "upstream/";

/** Whether the bundle has the kernel of a variant: one of a build that goes on has only that for Ethernet. */
export function hasKernel(bundle: ShimBundle, variant: ShimVariant = "ethernet"): boolean {
  return bundle.file(variantRow(variant).image) !== undefined;
}

/**
 * The tree of one Pi: the bundle's files, config.txt, and the command line that is given.
 * Paths are those after the Pi's own prefix was taken off.
 */
export function bootTree(
  bundle: ShimBundle,
  { cmdline, usbDevice = false, variant = "ethernet" }: BootTreeOptions,
): BootTree {
  const encoder = new TextEncoder();
  const { image } = variantRow(variant);
  const nameOf = (path: string): string => (path === image ? KERNEL : path);
  const isHere = belongsTo(variant);
  const others = new Set(bundle.manifest.files.filter((row) => !isHere(row)).map(({ path }) => path));
  const names = new Map(
    bundle
      .paths()
      .filter((path) => !others.has(path))
      .map((path) => [nameOf(path), path]),
  );
  const inTree = (row: ManifestFile): ManifestFile => ({ ...row, path: nameOf(row.path) });
  const manifest = { ...bundle.manifest, files: bundle.manifest.files.filter(isHere).map(inTree) };
  const rendered = new Map([
    ["config.txt", encoder.encode(renderConfigTxt({ usbDevice }))],
    [MANIFEST, encoder.encode(`${JSON.stringify(manifest, null, 2)}\n`)],
    ...CMDLINES.map((row): [string, Uint8Array] => [
      row.path,
      encoder.encode(renderCmdlineFile(row, cmdline)),
    ]),
  ]);
  const find = (path: string): Uint8Array | undefined =>
    rendered.get(path) ?? bundle.file(names.get(path) ?? "");
  return {
    get(path) {
      const found = find(path);
      if (found !== undefined || !path.startsWith(UPSTREAM_PREFIX)) return found;
      return find(path.slice(UPSTREAM_PREFIX.length));
    },
    paths: () => [...new Set([...rendered.keys(), ...names.keys()])].toSorted(byCodePoint),
  };
}

/** Whether a file is in the tree of a variant; of the EEPROM's part only cards have something. */
function belongsTo(variant: ShimVariant): (row: ManifestFile) => boolean {
  return (row) => row.part !== "eeprom" && (row.variant === undefined || row.variant === variant);
}
