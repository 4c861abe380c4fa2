/** Big-endian fields. Codecs check the length of their input first (`requireLength`), so a short read is never clamped. */

/** A PDU or field that cannot be what it claims to be; the connection's state can no longer be trusted. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Throws `ProtocolError` when `bytes` holds fewer than `length` bytes. */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length < length)
    throw new ProtocolError(`${what}: ${bytes.length} bytes where ${length} are due`);
}

export function getU8(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

export function getU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function getU24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}

export function getU32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>>
    0
  );
}

/** Exact up to 2^53; larger values lose low bits, which every range check refuses all the same. */
export function getU64(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at) * 0x1_0000_0000 + getU32(bytes, at + 4);
}

export function setU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function setU24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 16;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value;
}

export function setU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function setU64(bytes: Uint8Array, at: number, value: number): void {
  setU32(bytes, at, Math.floor(value / 0x1_0000_0000));
  setU32(bytes, at + 4, value % 0x1_0000_0000);
}

/** ASCII text in a field of fixed size, padded with spaces (SPC-4 4.3.1). */
export function setAscii(bytes: Uint8Array, at: number, sizeBytes: number, text: string): void {
  for (let i = 0; i < sizeBytes; i++) bytes[at + i] = i < text.length ? text.charCodeAt(i) & 0x7f : 0x20;
}
