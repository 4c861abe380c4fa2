/** What a file is, told by its first bytes and by nothing else. */
import { ImageError } from "../image-error.ts";

export const FORMAT_NAMES = ["raw", "gzip", "xz", "zstd"] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

interface Magic {
  readonly bytes: string;
  readonly offset: number;
  readonly format: FormatName | { readonly refused: string };
}

const MAGICS = [
  { offset: 0, bytes: "1f8b", format: "gzip" },
  { offset: 0, bytes: "fd377a585a00", format: "xz" },
  { offset: 0, bytes: "28b52ffd", format: "zstd" },
  { offset: 0, bytes: "514649fb", format: { refused: "a qcow2 disk" } },
  { offset: 0, bytes: "504b0304", format: { refused: "a zip archive" } },
  { offset: 0, bytes: "425a68", format: { refused: "a bzip2 archive" } },
  { offset: 0, bytes: "377abcaf271c", format: { refused: "a 7z archive" } },
  { offset: 0, bytes: "4b444d56", format: { refused: "a VMDK disk" } },
  { offset: 0, bytes: "7668647866696c65", format: { refused: "a VHDX disk" } },
  { offset: 0, bytes: "636f6e6563746978", format: { refused: "a VHD disk" } },
  { offset: 0, bytes: "5d00008000", format: { refused: "an lzma archive" } },
  { offset: 257, bytes: "7573746172", format: { refused: "a tar archive" } },
] as const satisfies readonly Magic[];

/** Bytes from the start of a file that `formatOf` wants to see, if the file has as many. */
export const MAGIC_BYTES = 512;

const FIX =
  "Unpack or convert it to a raw disk image first; .img, .img.gz, .img.xz and .img.zst can be imported.";

/** The format of a file that begins with `head`; whatever has no known magic is a raw disk. Throws "unknown-format". */
export function formatOf(head: Uint8Array): FormatName {
  const hex = Buffer.from(head).toString("hex");
  const magics: readonly Magic[] = MAGICS;
  const found = magics.find(({ offset, bytes }) => hex.startsWith(bytes, offset * 2));
  if (!found) return "raw";
  if (typeof found.format === "string") return found.format;
  throw new ImageError(
    "unknown-format",
    `this is ${found.format.refused}, not a disk image or a compressed one`,
    FIX,
  );
}
