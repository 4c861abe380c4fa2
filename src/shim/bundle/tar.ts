/**
 * The tar of the bundle: POSIX ustar (IEEE Std 1003.1, pax "ustar Interchange Format"), regular files alone,
 * and nothing in it that depends on the machine or the day.
 *
 *   0    100  124   136   148    156  157     257    263 265  297  329  337  345     500
 *   | name | mode.. | size | mtime | sum | type | link | ustar0| 00 | .. | ..        | prefix | pad to 512
 */
const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const MODE_OFFSET = 100;
const UID_OFFSET = 108;
const GID_OFFSET = 116;
const SIZE_OFFSET = 124;
const SIZE_BYTES = 12;
const MTIME_OFFSET = 136;
const SUM_OFFSET = 148;
const SUM_BYTES = 8;
const TYPE_OFFSET = 156;
const MAGIC_OFFSET = 257;
const REGULAR = "0";

export interface TarEntry {
  readonly path: string;
  readonly data: Uint8Array;
}

/** A tar of these files in this order. Throws a RangeError for a path of more than 100 bytes. */
export function encodeTar(entries: readonly TarEntry[]): Uint8Array {
  const padded = entries.map(({ data }) => Math.ceil(data.length / BLOCK_BYTES) * BLOCK_BYTES);
  const total = padded.reduce((sum, size) => sum + BLOCK_BYTES + size, 2 * BLOCK_BYTES);
  const tar = new Uint8Array(total);
  let at = 0;
  entries.forEach((entry, index) => {
    tar.set(header(entry), at);
    tar.set(entry.data, at + BLOCK_BYTES);
    at += BLOCK_BYTES + (padded[index] ?? 0);
  });
  return tar;
}

/**
 * The files of a tar, as views into its bytes.
 * Throws a RangeError for what `encodeTar` never writes: a wrong sum, another type, an end in mid-file.
 */
export function decodeTar(tar: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + BLOCK_BYTES <= tar.length;) {
    const head = tar.subarray(at, at + BLOCK_BYTES);
    if (head[0] === 0) return files;
    const path = text(head, 0, NAME_BYTES);
    if (Number.parseInt(text(head, SUM_OFFSET, SUM_BYTES), 8) !== checksum(head))
      throw new RangeError(`tar: wrong header sum at ${at}`);
    if (text(head, TYPE_OFFSET, 1) !== REGULAR) throw new RangeError(`tar: ${path} is no regular file`);
    const size = Number.parseInt(text(head, SIZE_OFFSET, SIZE_BYTES), 8);
    const start = at + BLOCK_BYTES;
    if (!(size >= 0 && start + size <= tar.length)) throw new RangeError(`tar: ${path} ends too early`);
    files.set(path, tar.subarray(start, start + size));
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  throw new RangeError("tar: no end mark");
}

function header({ path, data }: TarEntry): Uint8Array {
  const name = new TextEncoder().encode(path);
  if (name.length === 0 || name.length > NAME_BYTES) throw new RangeError(`tar: unsuitable path ${path}`);
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(name, 0);
  const put = (offset: number, value: string): void => {
    block.set(new TextEncoder().encode(value), offset);
  };
  put(MODE_OFFSET, "0000644\0");
  put(UID_OFFSET, "0000000\0");
  put(GID_OFFSET, "0000000\0");
  put(SIZE_OFFSET, `${data.length.toString(8).padStart(SIZE_BYTES - 1, "0")}\0`);
  put(MTIME_OFFSET, "00000000000\0");
  put(TYPE_OFFSET, REGULAR);
  put(MAGIC_OFFSET, "ustar\x0000");
  put(SUM_OFFSET, `${checksum(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** Sum of the header's bytes with the sum's own field read as spaces. */
function checksum(block: Uint8Array): number {
  return block.reduce(
    (sum, byte, index) => sum + (index >= SUM_OFFSET && index < SUM_OFFSET + SUM_BYTES ? 0x20 : byte),
    0,
  );
}

function text(block: Uint8Array, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
