/** CRC32C (RFC 7143 section 11.1 of the digests), bit by bit by the textbook: what the target's table is held against. */

const REVERSED_POLYNOMIAL = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ REVERSED_POLYNOMIAL : crc >>> 1;
  return crc;
});

/** The four bytes as they go over the wire. */
export function crc32c(bytes: Uint8Array): Uint8Array {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  const result = new Uint8Array(4);
  new DataView(result.buffer).setUint32(0, ~crc >>> 0, true);
  return result;
}
