/** What the library knows of an image, and how that is written beside it. */
import { ImageError } from "./image-error.ts";
import { FORMAT_NAMES, type FormatName } from "./import/formats.ts";

/** What a committed image came from: an image, by way of a session. */
export interface Ancestor {
  /** Id of the image that lay under the session; "blank" for none. It may be gone from the library since. */
  readonly image: string;
  /** What that image was called then. */
  readonly name: string | null;
  readonly session: string;
  /** The snapshot that was committed; null for the session as it was. */
  readonly snapshot: string | null;
  /** ISO 8601: when it was committed. */
  readonly at: string;
}

/** A chain of commits longer than this loses its oldest links: the record is read whole at every start. */
export const LINEAGE_MAX = 100;

export interface Image {
  /** sha256 of what a guest would read, 64 hex digits; "blank" for the built-in one. */
  readonly id: string;
  /** Aliases, in the order in which they were given. */
  readonly names: readonly string[];
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly importedAt: string;
  /** Where it came from: a file name or another label, and the format that it had. */
  readonly source: { readonly label: string; readonly format: FormatName };
  /** For a committed image: what it came from, the nearest first. Written once with the image. */
  readonly lineage?: readonly Ancestor[];
}

/** Size of a blank disk when nobody says another: enough for a Linux root, and it costs nothing until it is written. */
export const BLANK_SIZE_BYTES = 4 * 2 ** 30;

/** The disk with nothing on it. It is always in the library; an overlay over it has no backing file. */
export const BLANK: Image = {
  id: "blank",
  names: ["blank"],
  sizeBytes: BLANK_SIZE_BYTES,
  importedAt: "1970-01-01T00:00:00.000Z",
  source: { label: "built in", format: "raw" },
};

/** Digits of an id that must be given at least when it is shortened. */
export const SHORTEST_ID_PREFIX = 8;

const ID = /^[0-9a-f]{64}$/;
/** Something to type in a shell and to show in a table. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;

export function isImageId(text: string): boolean {
  return ID.test(text);
}

/** Throws "bad-name" for a name that an image cannot have. */
export function checkName(name: string): void {
  if (NAME.test(name) && name !== BLANK.id && !ID.test(name)) return;
  throw new ImageError(
    "bad-name",
    `${JSON.stringify(name)} cannot be the name of an image`,
    "Use up to 64 letters, digits, dots, dashes, plus signs and underscores, beginning with a letter or digit.",
  );
}

const ARCHIVE_ENDINGS = /(?:\.(?:img|iso|raw|bin|qcow2?))?(?:\.(?:gz|xz|zstd?|bz2|zip))?$/i;

/** The name that an image gets when nobody gives one: its file's, without the endings that tell the format. */
export function nameFromLabel(label: string): string {
  const bare = label.replace(ARCHIVE_ENDINGS, "").replaceAll(/[^A-Za-z0-9._+-]+/g, "-");
  const name = bare
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 56)
    .replace(/-+$/, "");
  return name === "" || name === BLANK.id || ID.test(name) ? "image" : name;
}

const RECORD_VERSION = 1;

export function encodeRecord(image: Image): string {
  return `${JSON.stringify({ version: RECORD_VERSION, ...image }, undefined, 2)}\n`;
}

/** Decodes a record. Throws an "io" error when it is none, or of a newer version of this program. */
export function decodeRecord(text: string, path: string): Image {
  const record: unknown = parseJson(text, path);
  if (!isObject(record)) throw damaged(path);
  if (record["version"] !== RECORD_VERSION) {
    throw new ImageError(
      "io",
      `${path} is of version ${String(record["version"])}`,
      "Use the newer pinetboot that wrote it.",
    );
  }
  const { id, names, sizeBytes, importedAt, source } = record;
  if (
    typeof id !== "string" ||
    !isImageId(id) ||
    !isStrings(names) ||
    typeof sizeBytes !== "number" ||
    !Number.isSafeInteger(sizeBytes) ||
    typeof importedAt !== "string" ||
    !isObject(source) ||
    typeof source["label"] !== "string"
  ) {
    throw damaged(path);
  }
  const format = FORMAT_NAMES.find((name) => name === source["format"]);
  if (!format) throw damaged(path);
  const lineage = decodeLineage(record["lineage"]);
  if (lineage === "damaged") throw damaged(path);
  return {
    id,
    names,
    sizeBytes,
    importedAt,
    source: { label: source["label"], format },
    ...(lineage && { lineage }),
  };
}

function decodeLineage(value: unknown): readonly Ancestor[] | undefined | "damaged" {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length > LINEAGE_MAX) return "damaged";
  const lineage = value.map(decodeAncestor);
  return lineage.every((ancestor) => ancestor !== undefined) ? lineage : "damaged";
}

function decodeAncestor(value: unknown): Ancestor | undefined {
  if (!isObject(value)) return undefined;
  const { image, name, session, snapshot, at } = value;
  if (typeof image !== "string" || typeof session !== "string" || typeof at !== "string") return undefined;
  if (!isStringOrNull(name) || !isStringOrNull(snapshot)) return undefined;
  return { image, name, session, snapshot, at };
}

function isStringOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(path, { cause });
  }
}

function damaged(path: string, options?: ErrorOptions): ImageError {
  return new ImageError(
    "io",
    `${path} is damaged`,
    "Remove it with its .img file and import the image again.",
    options,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
