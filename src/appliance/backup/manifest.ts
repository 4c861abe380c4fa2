/** The two entries of a backup that are not files of the folder: what it is (first), and the sums of the rest (last). */
import { z } from "zod";

export const MANIFEST_NAME = "pinetboot-backup.json";
export const SUMS_NAME = "pinetboot-backup.sums.json";
export const BACKUP_VERSION = 1;

export const ManifestSchema = z.object({
  version: z.number().int(),
  /** Of `pinetboot.db`; a newer one is refused. */
  schema: z.number().int(),
  created_at: z.string(),
});

/** SHA-256 by name of what the archive holds of each file. */
export const SumsSchema = z.record(z.string(), z.string());
