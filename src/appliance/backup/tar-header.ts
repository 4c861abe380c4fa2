/**
 * Headers of a tar archive (POSIX.1-2017, pax): what GNU tar reads and writes. A file with holes is in GNU's sparse
 * format 1.0: its pax records name it and its size, its data begins with a map of what is not hole.
 *
 *   0 name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | checksum 8 | type 1 | link 100 | "ustar" 00 | ...
 *   numbers are octal text; the checksum is the sum of all bytes with its own field as spaces
 */

export const BLOCK_BYTES = 512;
/** The size field has eleven octal digits; a larger file says its size in a pax record. */
const MOST_OCTAL = 0o77777777777;

const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
} as const satisfies Record<string, readonly [number, number]>;

export type EntryType = "0" | "x";

export interface TarHeader {
  readonly name: string;
  readonly sizeBytes: number;
  readonly type: EntryType;
}

/** A block that is no header of ours. */
export class TarError extends Error {
  override readonly name = "TarError";
}

/** Encodes a header block. The name is cut to its field: long ones stand in pax records, where every name of ours is. */
export function encodeTarHeader({ name, sizeBytes, type }: TarHeader): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const put = ([at]: readonly [number, number], text: string): void => {
    block.set(Buffer.from(text, "latin1"), at);
  };
  put(FIELD.name, Buffer.from(name).subarray(0, FIELD.name[1]).toString("latin1"));
  put(FIELD.mode, "0000600\0");
  put(FIELD.uid, "0000000\0");
  put(FIELD.gid, "0000000\0");
  put(FIELD.size, `${Math.min(sizeBytes, MOST_OCTAL).toString(8).padStart(11, "0")}\0`);
  put(FIELD.mtime, `${"0".repeat(11)}\0`);
  put(FIELD.type, type);
  put(FIELD.magic, "ustar\x0000");
  put(FIELD.checksum, `${checksumOf(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** Decodes a header block; undefined for a block of zeros, which ends an archive. Throws a `TarError`. */
export function decodeTarHeader(block: Uint8Array): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  const text = ([at, length]: readonly [number, number]): string =>
    Buffer.from(block.subarray(at, at + length))
      .toString("utf8")
      .split("\0")[0] ?? "";
  if (!text(FIELD.magic).startsWith("ustar")) throw new TarError("this is no tar archive");
  if (Number.parseInt(text(FIELD.checksum), 8) !== checksumOf(block))
    throw new TarError("a header of the archive is damaged");
  const type = text(FIELD.type);
  if (type !== "0" && type !== "x") throw new TarError(`the archive holds something of type "${type}"`);
  const sizeBytes = Number.parseInt(text(FIELD.size), 8);
  if (!Number.isSafeInteger(sizeBytes)) throw new TarError("a header of the archive is damaged");
  return { name: text(FIELD.name), sizeBytes, type };
}

/** Encodes pax records: "LENGTH KEY=VALUE\n", where the length counts itself. */
export function encodePax(records: ReadonlyMap<string, string>): Uint8Array {
  return Buffer.concat(
    [...records].map(([key, value]) => {
      const rest = Buffer.from(` ${key}=${value}\n`);
      let length = rest.byteLength + 1;
      while (String(length).length + rest.byteLength !== length) length += 1;
      return Buffer.concat([Buffer.from(String(length)), rest]);
    }),
  );
}

/** Decodes pax records. Throws a `TarError`. */
export function decodePax(bytes: Uint8Array): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  const text = Buffer.from(bytes);
  for (let at = 0; at < text.byteLength;) {
    const space = text.indexOf(" ", at);
    const length = Number(text.subarray(at, space).toString("latin1"));
    if (space === -1 || !Number.isInteger(length) || length <= 0 || at + length > text.byteLength)
      throw new TarError("a record of the archive is damaged");
    const [key = "", ...value] = text
      .subarray(space + 1, at + length - 1)
      .toString("utf8")
      .split("=");
    records.set(key, value.join("="));
    at += length;
  }
  return records;
}

/** Bytes that fill `length` up to whole blocks. */
export function paddingOf(length: number): number {
  return (BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES;
}

function checksumOf(block: Uint8Array): number {
  const [at, length] = FIELD.checksum;
  return block.reduce((sum, byte, index) => sum + (index >= at && index < at + length ? 0x20 : byte), 0);
}
