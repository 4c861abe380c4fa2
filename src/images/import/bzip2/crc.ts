/** CRC-32 as bzip2 has it: polynomial 0x04c11db7, most significant bit first. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

/** Continues `crc` (begin with 0xffffffff, invert at the end) over `bytes[from, to)`. */
export function crc32Bzip2(crc: number, bytes: Uint8Array, from: number, to: number): number {
  let value = crc;
  for (let i = from; i < to; i += 1) value = (value << 8) ^ (TABLE[(value >>> 24) ^ (bytes[i] ?? 0)] ?? 0);
  return value >>> 0;
}
