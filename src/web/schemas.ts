/** What the API takes and gives. Names are scsipub's: snake_case, sizes in bytes, times in ISO 8601. */
import { z } from "@hono/zod-openapi";
import { CustomiseSchema } from "./customise-schemas.ts";
import { Seconds, Size } from "./session-schemas.ts";
import {
  BOOT_MODES,
  ERROR_CODES,
  FORMAT_CHOICES,
  GROUP_MAX_CHARS,
  LABEL_MAX_CHARS,
  PI_ORDERS,
  SHIM_VARIANTS,
  STAGE_STATES,
} from "../appliance/index.ts";

const NAME_MAX_CHARS = 256;
const PATH_MAX_CHARS = 4096;
const URL_MAX_CHARS = 4096;

const ImageName = z.string().min(1).max(NAME_MAX_CHARS).openapi({ example: "blank" });

export const SessionCreateSchema = z
  .object({
    image: ImageName.optional(),
    images: z
      .array(z.union([ImageName, z.object({ image: ImageName, size: Size.optional() })]))
      .min(1)
      .optional()
      .openapi({ description: "One disk each, as LUN 0, 1, ..." }),
    size: Size.optional(),
    ephemeral: z.boolean().optional(),
    ttl_seconds: Seconds.optional().openapi({
      description: "Suspended after this time, when nobody uses it",
    }),
    evict_after_seconds: Seconds.optional().openapi({
      description: "Removed after this time of suspension; a login wakes it before (default: 7 days)",
    }),
    quota: Size.optional().openapi({ description: "What it may take on the host's disk" }),
    customise: CustomiseSchema.optional(),
  })
  .refine((body) => (body.image === undefined) !== (body.images === undefined), {
    message: "Give either image or images",
  })
  .openapi("SessionCreate", { example: { image: "blank", size: "1G" } });

export const LunSchema = z.object({
  lun: z.number().int(),
  image: z.string(),
  size_bytes: z.number().int(),
});

const Bytes = z.number().int().nonnegative();

/** Totals count since the server's start, paces are of the last second. */
export const TrafficSchema = z
  .object({
    read_bytes: Bytes,
    written_bytes: Bytes,
    read_bytes_per_second: Bytes,
    written_bytes_per_second: Bytes,
  })
  .openapi("Traffic", {
    description: "What initiators read and wrote since the server started, and their pace now",
  });

export const SessionSchema = z
  .object({
    id: z.string(),
    iqn: z.string(),
    portal: z.string().openapi({ example: "192.168.1.10:3260" }),
    chap_user: z.string(),
    luns: z.array(LunSchema),
    persistent: z.boolean(),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    pi: z.string().nullable(),
    connected_from: z.array(z.string()),
    initiators: z.array(z.object({ name: z.string(), address: z.string() })),
    allocated_bytes: z.number().int(),
    used_bytes: z
      .number()
      .int()
      .openapi({ description: "What counts for the quota: overlays, layers, snapshots" }),
    quota_bytes: z.number().int().nullable(),
    state: z.enum(["idle", "in-use", "busy", "suspended"]),
    traffic: TrafficSchema,
    suspended_at: z.string().nullable(),
    evict_at: z
      .string()
      .nullable()
      .openapi({ description: "When it is removed unless someone logs in before" }),
    branch_of: z.string().nullable(),
    snapshots: z.array(z.string()),
    fenced: z
      .object({ since: z.string(), initiators: z.array(z.string()) })
      .nullable()
      .openapi({ description: "Who is kept out since this computer lost power while it used the disk" }),
  })
  .openapi("Session");

export const CreatedSessionSchema = z
  .object({
    id: z.string(),
    iqn: z.string(),
    portal: z.string(),
    chap_user: z.string(),
    chap_secret: z.string(),
    luns: z.array(LunSchema),
    persistent: z.boolean(),
    created_at: z.string(),
    expires_at: z.string().nullable(),
  })
  .openapi("CreatedSession");

export const ImageSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    names: z.array(z.string()),
    size_bytes: z.number().int(),
    imported_at: z.string().nullable(),
    source: z.string().nullable(),
  })
  .openapi("Image");

export const ImageInfoSchema = ImageSchema.extend({
  allocated_bytes: z.number().int(),
  partition_scheme: z.string(),
  partitions: z.array(
    z.object({
      number: z.number().int(),
      start_bytes: z.number().int(),
      size_bytes: z.number().int(),
      type: z.string(),
    }),
  ),
  used_by: z.array(z.string()),
}).openapi("ImageInfo");

const Sha256 = z
  .string()
  .max(100)
  .openapi({ description: "sha256 sum of the file, or of the image in it: 64 hex digits" });
const ImageNewName = z.string().min(1).max(NAME_MAX_CHARS);
const Format = z
  .enum(FORMAT_CHOICES)
  .openapi({ description: "raw takes what is not compressed as a disk, whatever it begins with" });

export const ImportCreateSchema = z
  .object({
    path: z
      .string()
      .min(1)
      .max(PATH_MAX_CHARS)
      .optional()
      .openapi({ description: "A file of the server's computer" }),
    url: z.string().min(1).max(URL_MAX_CHARS).optional().openapi({ description: "An http or https address" }),
    upload: z
      .object({
        file: z.string().min(1).max(NAME_MAX_CHARS).optional().openapi({ description: "What it is called" }),
        size_bytes: z.number().int().positive().optional(),
      })
      .optional()
      .openapi({ description: "The bytes come by PUT /api/imports/{id}/data" }),
    catalog: z
      .object({
        name: z.string().min(1).max(NAME_MAX_CHARS),
        repo: z.string().min(1).max(URL_MAX_CHARS).optional(),
      })
      .optional()
      .openapi({ description: "An entry of GET /api/catalog" }),
    name: ImageNewName.optional(),
    sha256: Sha256.optional(),
    format: Format.optional(),
  })
  .refine(
    ({ path, url, upload, catalog }) =>
      [path, url, upload, catalog].filter((from) => from !== undefined).length === 1,
    { message: "Give one of path, url, upload and catalog" },
  )
  .openapi("ImportCreate", { example: { path: "/home/me/debian-12.img.xz", name: "debian-12" } });

export const UploadQuerySchema = z.object({
  file: z.string().min(1).max(NAME_MAX_CHARS).optional(),
  name: ImageNewName.optional(),
  sha256: Sha256.optional(),
  format: Format.optional(),
});

export const ImportSchema = z
  .object({
    id: z.string(),
    state: z.enum(["running", "done", "failed"]),
    source: z.string(),
    name: z.string().nullable(),
    stage: z.string(),
    done_bytes: z.number().int().openapi({ description: "Of the source" }),
    total_bytes: z.number().int().nullable(),
    written_bytes: z.number().int().openapi({ description: "What the image takes on disk so far" }),
    eta_seconds: z.number().nullable(),
    upload_offset: z
      .number()
      .int()
      .nullable()
      .openapi({ description: "Where the next byte of an upload goes; null for what is no upload" }),
    note: z.string().nullable().openapi({ description: "What went on meanwhile: a connection made anew" }),
    image: z.string().nullable(),
    already_there: z.boolean().openapi({ description: "The library had this content before" }),
    error: z
      .object({ code: z.enum(ERROR_CODES), message: z.string(), fix: z.string().nullable() })
      .nullable(),
  })
  .openapi("Import");

export const CatalogEntrySchema = z
  .object({
    name: z.string(),
    title: z.string(),
    description: z.string(),
    group: z.array(z.string()),
    url: z.string(),
    download_bytes: z.number().int().nullable(),
    size_bytes: z.number().int().nullable(),
    release_date: z.string().nullable(),
    init_format: z.string().nullable(),
    architecture: z.string().nullable(),
    devices: z.array(z.string()),
    checked: z.boolean().openapi({ description: "The catalog has a sha256 sum of it" }),
    ever_fetched: z
      .boolean()
      .nullable()
      .openapi({ description: "False: nobody has tried this address yet; null: not known" }),
    image: z.string().nullable().openapi({ description: "Id of it in the library, where it is there" }),
  })
  .openapi("CatalogEntry");

export const CatalogSchema = z
  .object({
    repo: z.string().nullable().openapi({ description: "Null for the built-in catalog" }),
    entries: z.array(CatalogEntrySchema),
    troubles: z.array(z.string()).openapi({ description: "Lists that could not be had" }),
  })
  .openapi("Catalog");

export const EventSchema = z
  .object({
    id: z.number().int(),
    at: z.number().int().openapi({ description: "Unix milliseconds" }),
    pi: z.string().nullable(),
    stage: z.string(),
    state: z.enum(STAGE_STATES),
    detail: z.string(),
    fix: z.string().nullable(),
    fraction: z.number().nullable().openapi({ description: "How much of it is done, 0 to 1" }),
  })
  .openapi("Event");

const AssignmentSchema = z.object({
  image: z.string(),
  mode: z.enum(BOOT_MODES),
  variant: z.enum(SHIM_VARIANTS),
  persistent: z.boolean(),
  read_only: z.boolean(),
});

export const AssignSchema = z
  .object({
    image: ImageName,
    mode: z
      .enum(BOOT_MODES)
      .optional()
      .openapi({
        description:
          "pivot: the disk's partition becomes the root; kexec: the image's own kernel is started; usb: the disk is " +
          "offered to a computer at the Pi's USB port",
      }),
    variant: z.enum(SHIM_VARIANTS).optional(),
    persistent: z.boolean().optional(),
    read_only: z.boolean().optional().openapi({
      description: "Mode usb: the computer at the USB port cannot write",
    }),
    customise: CustomiseSchema.optional(),
  })
  .openapi("Assign", { example: { image: "debian-12", mode: "pivot" } });

const Label = z.string().min(1).max(LABEL_MAX_CHARS);
const Group = z.string().min(1).max(GROUP_MAX_CHARS);

export const PiChangeSchema = z
  .object({
    label: Label.nullable()
      .optional()
      .openapi({ description: "What it is called; null takes the name away" }),
    group: Group.nullable().optional().openapi({ description: "To do the same with many at once" }),
  })
  .openapi("PiChange", { example: { label: "kitchen", group: "lab" } });

/** What can be done with many Pis at once; each has its own fields, all of them the same ones as for a single Pi. */
export const PI_ACTIONS = ["assign", "reset", ...PI_ORDERS, "set", "forget"] as const;
const PIS_MAX = 1000;

export const PiActionSchema = z
  .object({
    pis: z.array(z.string().min(1).max(64)).min(1).max(PIS_MAX).optional(),
    group: Group.optional(),
    all: z.boolean().optional(),
    action: z.enum(PI_ACTIONS),
    assign: AssignSchema.optional().openapi({ description: "With action assign" }),
    set: PiChangeSchema.optional().openapi({ description: "With action set" }),
    force: z
      .boolean()
      .optional()
      .openapi({ description: "With action forget: also while its disk is in use" }),
  })
  .openapi("PiAction", {
    example: { group: "lab", action: "assign", assign: { image: "debian-12" } },
  });

export const PiResultsSchema = z
  .object({
    results: z.array(
      z.object({
        pi: z.string(),
        done: z.boolean(),
        detail: z.string(),
        fix: z.string().nullable(),
      }),
    ),
  })
  .openapi("PiResults");

export const PiToldSchema = z.object({ pi: z.string(), detail: z.string() }).openapi("PiTold");

export const PiSchema = z
  .object({
    key: z.string(),
    code: z.string().openapi({
      description: "What the Pi's screen shows in large letters: the end of its key",
      example: "1A0C",
    }),
    label: z.string().nullable(),
    group: z.string().nullable(),
    serial: z.string().nullable(),
    mac: z.string().nullable(),
    model: z.string().nullable(),
    address: z.string().nullable(),
    assignment: AssignmentSchema.nullable(),
    first_seen: z.string(),
    last_seen: z.string(),
    latest: EventSchema.nullable(),
    sessions: z.array(z.string()),
    fenced: z.boolean().openapi({
      description: "Kept out of its disk until it boots anew: this computer lost power while it used it",
    }),
  })
  .openapi("Pi");

export const HealthSchema = z
  .object({
    status: z.literal("ok"),
    version: z.string(),
    serving: z.boolean(),
    page: z.string().nullable().openapi({
      description: "Address of the page as other machines see it",
      example: "http://127.0.0.1:8080",
    }),
    services: z
      .object({ iscsi: z.string().nullable(), tftp: z.string().nullable(), report: z.string().nullable() })
      .openapi({ description: "Address and port of what listens; null for what does not" }),
    shim: z.object({
      state: z.enum(["ready", "building", "missing"]),
      step: z.string().nullable(),
      fraction: z.number().nullable(),
      eta_seconds: z.number().nullable(),
    }),
    problems: z.array(z.object({ message: z.string(), fix: z.string().nullable() })),
  })
  .openapi("Health");

export const KeySchema = z
  .object({ id: z.string(), name: z.string(), created_at: z.string(), used_at: z.string().nullable() })
  .openapi("Key");

export const CreatedKeySchema = KeySchema.extend({ key: z.string() }).openapi("CreatedKey");

export const KeyLinkSchema = z.object({ path: z.string() }).openapi("KeyLink");
