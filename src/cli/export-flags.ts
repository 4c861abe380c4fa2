/** Flags of the commands that write a disk to a file. */
import { DOWNLOAD_FORMATS, EXPORT_FORMATS } from "../appliance/index.ts";

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportFlags {
  readonly format?: ExportFormat;
  readonly force: boolean;
}

export const exportFlags = {
  format: {
    kind: "enum",
    values: EXPORT_FORMATS,
    brief: "Format of the file (default: by its ending, else raw)",
    optional: true,
  },
  force: { kind: "boolean", brief: "Replace a file that is there", default: false, withNegated: false },
} as const;

/** For the help of the commands. */
export const EXPORT_WORDS =
  `Formats: ${EXPORT_FORMATS.join(", ")}; told by the file's ending unless --format says it. With --server, and to standard\n` +
  `output (-), the disk is sent (${DOWNLOAD_FORMATS.join(", ")}); what a lost connection cut off goes on where it stopped.`;

/** What a person asked for, or what the ending of the file says. */
export function formatOf({ format }: ExportFlags, file: string): ExportFormat {
  if (format !== undefined) return format;
  if (/\.qcow2?$/i.test(file)) return "qcow2";
  return /\.xz$/i.test(file) ? "img.xz" : "raw";
}
