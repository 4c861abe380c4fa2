/** What the API takes and gives about copies of disks and about space. */
import { z } from "@hono/zod-openapi";
import { COPY_KINDS, ERROR_CODES, EXPORT_FORMATS } from "../appliance/index.ts";

const NAME_MAX_CHARS = 64;
const PATH_MAX_CHARS = 4096;

const choice = {
  lun: z.number().int().min(0).optional().openapi({ description: "Which disk of the session (default: 0)" }),
  snapshot: z
    .string()
    .min(1)
    .max(NAME_MAX_CHARS)
    .optional()
    .openapi({ description: "As the disk was then; also while an initiator is logged in" }),
};

export const CommitSchema = z
  .object({ ...choice, name: z.string().min(1).max(NAME_MAX_CHARS).optional() })
  .openapi("Commit", { example: { name: "debian-12-mine" } });

export const ExportFormatSchema = z.enum(EXPORT_FORMATS).openapi({
  description: "raw is sparse; qcow2 stands alone; img.xz is raw packed by xz",
});

const target = {
  path: z
    .string()
    .min(1)
    .max(PATH_MAX_CHARS)
    .openapi({ description: "A whole path on the server's computer" }),
  format: ExportFormatSchema.optional(),
  replace: z
    .boolean()
    .optional()
    .openapi({ description: "Replace a file that is there, once the new one is whole" }),
};

export const ImageExportSchema = z
  .object(target)
  .openapi("ImageExport", { example: { path: "/home/me/disk.img" } });
export const SessionExportSchema = z
  .object({ ...choice, ...target })
  .openapi("SessionExport", { example: { path: "/home/me/disk.qcow2", format: "qcow2" } });

export const JobSchema = z
  .object({
    id: z.string(),
    kind: z.enum(COPY_KINDS),
    state: z.enum(["running", "done", "failed"]),
    subject: z.string(),
    done_bytes: z.number().int(),
    total_bytes: z.number().int().nullable(),
    eta_seconds: z.number().nullable(),
    image: z.string().nullable().openapi({ description: "The image that a commit made" }),
    path: z.string().nullable().openapi({ description: "The file that an export made" }),
    written_bytes: z.number().int().nullable(),
    error: z
      .object({ code: z.enum(ERROR_CODES), message: z.string(), fix: z.string().nullable() })
      .nullable(),
  })
  .openapi("Job");

export const HistorySchema = z
  .array(
    z.object({
      image: z.string(),
      name: z.string().nullable(),
      in_library: z.boolean(),
      size_bytes: z.number().int().nullable(),
      made_at: z.string().nullable(),
      by: z.string().openapi({ description: "How the image came to be" }),
    }),
  )
  .openapi("History");

export const StorageSchema = z
  .object({
    rows: z.array(
      z.object({
        kind: z.enum(["image", "session"]),
        id: z.string(),
        name: z.string(),
        size_bytes: z.number().int(),
        exclusive_bytes: z.number().int().openapi({ description: "Given back when it is removed" }),
        shared_bytes: z.number().int().openapi({ description: "Needed by others as well" }),
        users: z.number().int().openapi({ description: "Sessions over an image" }),
      }),
    ),
    total_bytes: z.number().int(),
    host_size_bytes: z.number().int(),
    host_free_bytes: z.number().int(),
  })
  .openapi("Storage");

export const GcSchema = z
  .object({ dry_run: z.boolean().optional() })
  .openapi("Gc", { example: { dry_run: true } });

export const CollectedSchema = z
  .object({
    dry_run: z.boolean(),
    items: z.array(z.object({ kind: z.enum(["file", "image"]), name: z.string(), bytes: z.number().int() })),
    bytes: z.number().int(),
  })
  .openapi("Collected");
