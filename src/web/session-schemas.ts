/** What the API takes and gives about the content of sessions. */
import { z } from "@hono/zod-openapi";

const NAME_MAX_CHARS = 64;

const SnapshotName = z.string().min(1).max(NAME_MAX_CHARS).openapi({ example: "before-upgrade" });
export const Size = z
  .union([z.string().max(32), z.number().int().positive()])
  .openapi({ description: "Like 512M or 16G; a number is bytes", example: "1G" });
/** Ten years: whoever wants longer gives no end, and a time beyond what a calendar has could never be shown again. */
const SECONDS_MAX = 10 * 366 * 24 * 3600;
export const Seconds = z.number().int().positive().max(SECONDS_MAX);

export const SessionChangeSchema = z
  .object({
    quota: Size.nullable().optional().openapi({ description: "null takes the quota away" }),
    ttl_seconds: Seconds.nullable()
      .optional()
      .openapi({ description: "From now on; null takes the end away" }),
    evict_after_seconds: Seconds.optional(),
    ephemeral: z.boolean().optional(),
  })
  .openapi("SessionChange", { example: { quota: "8G", ttl_seconds: 86_400 } });

export const SnapshotCreateSchema = z
  .object({
    name: SnapshotName.optional(),
    live: z
      .boolean()
      .optional()
      .openapi({ description: "Also while an initiator is logged in: as after a sudden loss of power" }),
  })
  .openapi("SnapshotCreate", { example: { name: "before-upgrade" } });

export const SnapshotSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    session: z.string(),
    created_at: z.string(),
    crash_consistent: z.boolean().openapi({ description: "Taken while an initiator was logged in" }),
  })
  .openapi("Snapshot");

export const RestoreSchema = z.object({ snapshot: SnapshotName }).openapi("Restore");

export const BranchSchema = z
  .object({
    snapshot: SnapshotName.optional(),
    ephemeral: z.boolean().optional(),
    ttl_seconds: Seconds.optional(),
    quota: Size.optional(),
  })
  .openapi("Branch", { example: { snapshot: "before-upgrade" } });
