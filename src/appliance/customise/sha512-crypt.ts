/**
 * Password hashes as /etc/shadow holds them: `$6$SALT$HASH`, the SHA-512 method of Ulrich Drepper's "Unix crypt using
 * SHA-256 and SHA-512" (2008), which every release of Raspberry Pi OS takes.
 */
import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SALT_CHARACTERS = 16;
/** The method's default; it is not written into the hash then. */
const ROUNDS = 5000;
const DIGEST_BYTES = 64;
/** The method's own order of the digest's bytes: three at a time, turned on by one place each time. */
const LAST_BYTE = 63;

/** @param salt up to 16 characters of the method's alphabet; random when it is not given */
export function sha512Crypt(password: string, salt: string = randomSalt()): string {
  const key = Buffer.from(password, "utf8");
  const saltBytes = Buffer.from(salt, "latin1");
  const second = hash([key, saltBytes, key]);
  const first = createHash("sha512").update(key).update(saltBytes).update(stretched(second, key.length));
  for (let bits = key.length; bits > 0; bits >>>= 1) first.update(bits & 1 ? second : key);
  let digest: Uint8Array = first.digest();

  const keyBytes = stretched(hash(repeated(key, key.length)), key.length);
  const saltTail = stretched(hash(repeated(saltBytes, 16 + (digest[0] ?? 0))), saltBytes.length);
  for (let round = 0; round < ROUNDS; round++) {
    const odd = round % 2 === 1;
    const parts = [odd ? keyBytes : digest];
    if (round % 3 !== 0) parts.push(saltTail);
    if (round % 7 !== 0) parts.push(keyBytes);
    parts.push(odd ? digest : keyBytes);
    digest = hash(parts);
  }
  return `$6$${salt}$${encode(digest)}`;
}

function randomSalt(): string {
  // 64 characters: the six low bits of a byte choose one evenly.
  return [...randomBytes(SALT_CHARACTERS)].map((byte) => ALPHABET[byte & 63]).join("");
}

function hash(parts: readonly Uint8Array[]): Uint8Array {
  const sum = createHash("sha512");
  for (const part of parts) sum.update(part);
  return sum.digest();
}

function repeated(bytes: Uint8Array, times: number): Uint8Array[] {
  return Array.from({ length: times }, () => bytes);
}

/** The digest again and again, as many bytes as are wanted. */
function stretched(digest: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => digest[i % DIGEST_BYTES] ?? 0);
}

function encode(digest: Uint8Array): string {
  let text = "";
  for (let i = 0, [a, b, c] = [0, 21, 42]; i < 21; i++, [a, b, c] = [b + 1, c + 1, a + 1]) {
    text += base64((digest[a] ?? 0) * 65_536 + (digest[b] ?? 0) * 256 + (digest[c] ?? 0), 4);
  }
  return text + base64(digest[LAST_BYTE] ?? 0, 2);
}

/** Six bits a character, the lowest first. */
function base64(value: number, characters: number): string {
  return Array.from({ length: characters }, (_, i) => ALPHABET[(value >>> (6 * i)) & 63]).join("");
}
