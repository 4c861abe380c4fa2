/** Structures on disk as tables of fields, big-endian as qcow2 has them: one row gives name, place and width. */

export interface Field {
  readonly name: string;
  readonly offset: number;
  /** `u64` fields are read as numbers and must be safe integers; `bits64` are masks and stay bigints. */
  readonly type: "u8" | "u32" | "u64" | "bits64";
}

type ValueOf<F extends Field> = F["type"] extends "bits64" ? bigint : number;
export type Decoded<Table extends readonly Field[]> = {
  [F in Table[number] as F["name"]]: ValueOf<F>;
};

/** Where each field of a table begins, for code on the data path that reads and writes single fields. */
export function offsetsOf<const Table extends readonly Field[]>(
  table: Table,
): { readonly [F in Table[number] as F["name"]]: number } {
  const offsets: Record<string, number> = {};
  for (const field of table) offsets[field.name] = field.offset;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every field of the table has just been set
  return offsets as { readonly [F in Table[number] as F["name"]]: number };
}

/** A field holds a number that no file of ours or of anybody's can mean. */
export class FieldError extends Error {
  override readonly name = "FieldError";
}

/** Reads every field of the table from `bytes` at `base`. Throws a RangeError on short input, a `FieldError` on a number past 2^53. */
export function decodeFields<const Table extends readonly Field[]>(
  table: Table,
  bytes: Uint8Array,
  base = 0,
): Decoded<Table> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: Record<string, number | bigint> = {};
  for (const field of table) values[field.name] = readField(view, field, base + field.offset);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every field of the table has just been set
  return values as Decoded<Table>;
}

/** Writes every field of the table into `bytes` at `base`. */
export function encodeFields<const Table extends readonly Field[]>(
  table: Table,
  values: Decoded<Table>,
  bytes: Uint8Array,
  base = 0,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const byName: Record<string, number | bigint> = values;
  for (const field of table) writeField(view, field, base + field.offset, byName[field.name] ?? 0);
}

function readField(view: DataView, field: Field, at: number): number | bigint {
  switch (field.type) {
    case "u8":
      return view.getUint8(at);
    case "u32":
      return view.getUint32(at);
    case "u64": {
      const value = view.getBigUint64(at);
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw new FieldError(`${field.name} is ${value}, more than any file can hold`);
      }
      return Number(value);
    }
    case "bits64":
      return view.getBigUint64(at);
  }
}

function writeField(view: DataView, field: Field, at: number, value: number | bigint): void {
  switch (field.type) {
    case "u8":
      return view.setUint8(at, Number(value));
    case "u32":
      return view.setUint32(at, Number(value));
    case "u64":
    case "bits64":
      return view.setBigUint64(at, BigInt(value));
  }
}
