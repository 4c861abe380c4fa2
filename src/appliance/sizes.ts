/** Sizes as people write them. */
import { ApplianceError } from "./errors.ts";

/** Largest first. */
const UNITS = [
  { letter: "T", bytes: 2 ** 40 },
  { letter: "G", bytes: 2 ** 30 },
  { letter: "M", bytes: 2 ** 20 },
  { letter: "K", bytes: 2 ** 10 },
] as const;

/** A disk smaller than this holds no file system worth the name. */
export const DISK_MIN_BYTES = 2 ** 20;
/** What our qcow2 overlays are meant to hold. */
export const DISK_MAX_BYTES = 16 * 2 ** 40;
const SECTOR_BYTES = 512;

/**
 * Reads "512M", "1G", "1.5G", "1GiB" or plain bytes, as binary units, rounded up to whole sectors.
 * Throws ApplianceError "bad-request" for anything else or for a size outside what a disk may have.
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?$/i.exec(text.trim());
  const unit = UNITS.find(({ letter }) => letter === match?.[2]?.toUpperCase());
  const bytes = match ? Number(match[1]) * (unit?.bytes ?? 1) : Number.NaN;
  if (!Number.isFinite(bytes))
    throw new ApplianceError("bad-request", `"${text}" is not a size`, "Write it like 512M or 16G.");
  const sizeBytes = Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
  if (sizeBytes < DISK_MIN_BYTES || sizeBytes > DISK_MAX_BYTES)
    throw new ApplianceError("bad-request", `A disk of ${text} cannot be made`, "Choose between 1M and 16T.");
  return sizeBytes;
}

/** "1.5 GiB", for people. */
export function formatSize(bytes: number): string {
  const unit = UNITS.find((candidate) => bytes >= candidate.bytes);
  return unit ? `${Number((bytes / unit.bytes).toFixed(1))} ${unit.letter}iB` : `${bytes} B`;
}
