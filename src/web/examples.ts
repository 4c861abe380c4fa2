/** Examples for the description of the API: made of its schemas, with the words below where a schema has none of its own. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** As much of JSON Schema as our own description has. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly example?: Json;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

export type Schemas = Readonly<Record<string, Schema>>;

const SESSION = "k3v9x2m1qa";
const PI = "8d3fa2c1";
const EXAMPLE_IQN = `iqn.2026-01.net.pinetboot:${SESSION}`;

/** What a field of that name holds, wherever it is; the first that fits. */
const FIELDS: readonly (readonly [RegExp, Json])[] = [
  [/_at$/, "2026-11-24T09:00:00.000Z"],
  [/_bytes_per_second$/, 1_048_576],
  [/^(?:done|exclusive|written)_bytes$/, 536_870_912],
  [/_bytes$/, 1_073_741_824],
  [/_seconds$/, 3600],
  [/^at$/, 1_795_500_000_000],
  [/^fraction$/, 0.5],
  [/^iqn$/, EXAMPLE_IQN],
  [/^portal$/, "192.168.1.10:3260"],
  [/^chap_user$/, SESSION],
  [/^chap_secret$/, "S3cretOf16Signs0"],
  [/^(?:key|pi)$/, PI],
  [/^pis$/, [PI]],
  [/^sessions$/, [SESSION]],
  [/^serial$/, `10000000${PI}`],
  [/^mac$/, "dc:a6:32:01:36:c2"],
  [/^model$/, "Raspberry Pi 4 Model B Rev 1.4"],
  [/^(?:address|connected_from|addresses)$/, "192.168.1.20"],
  [/^label$/, "kitchen"],
  [/^group$/, "lab"],
  [/^(?:name|names|image|file)$/, "debian-12"],
  [/^snapshots?$/, "before-upgrade"],
  [/^stage$/, "login"],
  [/^level$/, "ok"],
  [/^state$/, "ok"],
  [/^version$/, "1.0.0"],
  [/^path$/, "/home/me/disk.img"],
  [/^url$/, "https://downloads.raspberrypi.com/raspios.img.xz"],
  [/^(?:detail|message|reason)$/, "The disk is /dev/sda, 4.0 GiB"],
  [/^(?:fix|note|error)$/, null],
  [/^lun$/, 0],
];

/** Ids in an address, by what stands before them. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/^\/api\/sessions\/\{/, SESSION],
  [/^\/api\/images\/\{/, "debian-12"],
  [/^\/api\/pis\/\{/, PI],
  [/^\/api\/(?:imports|jobs)\/\{/, "1"],
  [/^\/api\/keys\/\{/, "5f0c2a1b"],
];

/** An address of the API with names in it: `/api/sessions/k3v9x2m1qa/snapshots/before-upgrade`. */
export function exampleAddress(path: string): string {
  const first = PLACES.find(([pattern]) => pattern.test(path))?.[1] ?? "1";
  return path.replace(/\{\w+\}/, first).replace("{snapshot}", "before-upgrade");
}

/** A document of the schema. `field` is what it is called where it stands. */
export function exampleOf(schema: Schema, schemas: Schemas, field = ""): Json {
  if (schema.example !== undefined) return schema.example;
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1) ?? "";
    const named = schemas[name];
    return named ? exampleOf(named, schemas, field) : null;
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => exampleOf(part, schemas, field)));
  if (schema.anyOf) {
    const first = schema.anyOf.find(({ type }) => type !== "null");
    return first ? exampleOf(first, schemas, field) : null;
  }
  const types = new Set([schema.type ?? []].flat());
  const hint = FIELDS.find(([pattern]) => pattern.test(field))?.[1];
  if (schema.enum) return hint !== undefined && schema.enum.includes(hint) ? hint : (schema.enum[0] ?? null);
  if (hint !== undefined && types.has(typeOf(hint))) return hint;
  if (types.has("object") || schema.properties)
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([name, part]) => [name, exampleOf(part, schemas, name)]),
    );
  if (types.has("array")) return schema.items ? [exampleOf(schema.items, schemas, field)] : [];
  if (types.has("null")) return null;
  if (types.has("boolean")) return false;
  if (types.has("integer") || types.has("number")) return 1;
  if (field === "id") return SESSION;
  return field === "" ? "..." : field.replaceAll("_", " ");
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}
