/** What a file is, told by its first bytes and by nothing else. */
import { ImageError } from "../image-error.ts";

export const FORMAT_NAMES = ["raw", "gzip", "xz", "zstd", "bzip2", "zip", "qcow2"] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/** How the format is found: by its first bytes, or "raw", which takes whatever is not compressed as a disk. */
export const FORMAT_CHOICES = ["auto", "raw"] as const;
export type FormatChoice = (typeof FORMAT_CHOICES)[number];

interface Magic {
  readonly bytes: string;
  readonly offset: number;
  /** What it is to a person. */
  readonly words: string;
  /** How it is imported; without one it is refused. */
  readonly format?: FormatName;
}

const MAGICS = [
  { offset: 0, bytes: "1f8b", words: "a gzip archive", format: "gzip" },
  { offset: 0, bytes: "fd377a585a00", words: "an xz archive", format: "xz" },
  { offset: 0, bytes: "28b52ffd", words: "a zstd archive", format: "zstd" },
  ...Array.from({ length: 16 }, (_, low) => ({
    offset: 0,
    // A skippable frame: pzstd begins its files with one (RFC 8878, section 3.1.2).
    bytes: `5${low.toString(16)}2a4d18`,
    words: "a zstd archive",
    format: "zstd" as const,
  })),
  { offset: 0, bytes: "425a68", words: "a bzip2 archive", format: "bzip2" },
  { offset: 0, bytes: "504b0304", words: "a zip archive", format: "zip" },
  { offset: 0, bytes: "504b0506", words: "a zip archive", format: "zip" },
  { offset: 0, bytes: "514649fb", words: "a qcow2 disk", format: "qcow2" },
  { offset: 0, bytes: "377abcaf271c", words: "a 7z archive" },
  { offset: 0, bytes: "526172211a07", words: "a rar archive" },
  { offset: 0, bytes: "4b444d56", words: "a VMDK disk" },
  { offset: 0, bytes: "7668647866696c65", words: "a VHDX disk" },
  { offset: 0, bytes: "636f6e6563746978", words: "a VHD disk" },
  { offset: 64, bytes: "7f10dabe", words: "a VirtualBox disk (VDI)" },
  { offset: 0, bytes: "51454400", words: "a QED disk" },
  { offset: 0, bytes: "5d00008000", words: "an lzma archive" },
  { offset: 0, bytes: "04224d18", words: "an lz4 archive" },
  { offset: 0, bytes: "3aff26ed", words: "an Android sparse image" },
  { offset: 257, bytes: "7573746172", words: "a tar archive" },
] as const satisfies readonly Magic[];

/** Bytes from the start of a file that `formatOf` wants to see, if the file has as many. */
export const MAGIC_BYTES = 512;

const FIX =
  "Unpack or convert it to a raw disk image first (qemu-img convert -O raw); or, if it is a raw disk that only begins like that, say so: --format raw.";

/** Raw disks inside a compressed file are what these unpack to. */
const COMPRESSED: ReadonlySet<FormatName> = new Set<FormatName>(["gzip", "xz", "zstd", "bzip2", "zip"]);

/**
 * The format of a file that begins with `head`; whatever has no known magic is a raw disk. Throws "unknown-format".
 * With "raw" only compression is recognised, and the rest is a disk as it stands.
 */
export function formatOf(head: Uint8Array, choice: FormatChoice = "auto"): FormatName {
  const found = magicOf(head);
  if (!found) return "raw";
  if (choice === "raw") return found.format && COMPRESSED.has(found.format) ? found.format : "raw";
  if (found.format) return found.format;
  throw new ImageError("unknown-format", `this is ${found.words}, not a disk image or a compressed one`, FIX);
}

/**
 * Judges the first bytes of what was inside an archive, which must be a raw disk. What looks like something else is
 * neither opened nor taken for a disk: the person decides. Throws "unknown-format".
 */
export function checkUnpacked(head: Uint8Array, archive: FormatName): void {
  const found = magicOf(head);
  if (!found) return;
  throw new ImageError(
    "unknown-format",
    `inside the ${archive} archive is ${found.words}, not a raw disk image`,
    FIX,
  );
}

function magicOf(head: Uint8Array): Magic | undefined {
  const hex = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, MAGIC_BYTES)).toString(
    "hex",
  );
  const magics: readonly Magic[] = MAGICS;
  return magics.find(({ offset, bytes }) => hex.startsWith(bytes, offset * 2));
}
