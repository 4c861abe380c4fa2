/**
 * CHAP, RFC 7143 section 12.1.3 over RFC 1994; the algorithm numbers are IANA's "PPP Authentication Algorithms".
 *
 *   initiator: CHAP_A=8,7,6,5        target: CHAP_A=7 CHAP_I=n CHAP_C=0x...
 *   initiator: CHAP_N=user CHAP_R=0x...   (R = hash(I, secret, C))
 *
 * With mutual CHAP the initiator adds a CHAP_I and CHAP_C of its own, and the target answers with CHAP_N and CHAP_R.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { ProtocolError } from "../wire/bytes.ts";

export interface ChapAlgorithm {
  readonly number: number;
  readonly hash: "md5" | "sha1" | "sha256" | "sha3-256";
  readonly bytes: number;
}

export const CHAP_ALGORITHMS = [
  { number: 5, hash: "md5", bytes: 16 },
  { number: 6, hash: "sha1", bytes: 20 },
  { number: 7, hash: "sha256", bytes: 32 },
  { number: 8, hash: "sha3-256", bytes: 32 },
] as const satisfies readonly ChapAlgorithm[];

/** As long as the shortest digest: 128 bits that nobody guesses or sees twice. */
const CHALLENGE_BYTES = 16;
/** Section 12.1.3: binary values of CHAP are 1024 bytes at most. */
const MAX_BINARY_BYTES = 1024;

export interface ChapChallenge {
  readonly algorithm: ChapAlgorithm;
  readonly identifier: number;
  readonly challenge: Uint8Array;
}

/** The first algorithm of the initiator's list (its order is its preference) that is known here. */
export function chooseAlgorithm(list: string): ChapAlgorithm | undefined {
  for (const word of list.split(",")) {
    const found = CHAP_ALGORITHMS.find((algorithm) => String(algorithm.number) === word.trim());
    if (found) return found;
  }
  return undefined;
}

/** `randomBytes` must be unpredictable: a challenge that can be foreseen lets a recorded answer in. */
export function makeChallenge(
  algorithm: ChapAlgorithm,
  randomBytes: (count: number) => Uint8Array,
): ChapChallenge {
  const random = randomBytes(CHALLENGE_BYTES + 1);
  return { algorithm, identifier: random[0] ?? 0, challenge: random.slice(1) };
}

/** What a peer that knows the secret answers. */
export function chapResponse(
  { algorithm, identifier, challenge }: ChapChallenge,
  secret: string,
): Uint8Array {
  return createHash(algorithm.hash)
    .update(Uint8Array.of(identifier))
    .update(secret, "utf8")
    .update(challenge)
    .digest();
}

/** Compares without telling by its duration where the answers differ; a wrong user costs as much as a wrong secret. */
export function isChapProof(
  challenge: ChapChallenge,
  expected: { readonly user: string; readonly secret: string } | undefined,
  user: string,
  response: Uint8Array,
): boolean {
  const right = chapResponse(challenge, expected?.secret ?? "");
  const same = response.length === right.length && timingSafeEqual(response, right);
  return same && expected !== undefined && expected.user === user && expected.secret !== "";
}

/** Section 6.1 binary value: 0x hexadecimal or 0b base64. Throws ProtocolError. */
export function decodeBinary(text: string): Uint8Array {
  const form = text.slice(0, 2).toLowerCase();
  const digits = text.slice(2);
  try {
    if (form === "0x") return limited(Uint8Array.fromHex(digits.length % 2 === 1 ? `0${digits}` : digits));
    if (form === "0b") return limited(Uint8Array.fromBase64(digits));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ProtocolError("a binary value that is neither hexadecimal nor base64");
}

/** The form of `like`, a value of the peer's that `decodeBinary` took; hexadecimal, which all understand, without one. */
export function encodeBinary(bytes: Uint8Array, like = "0x"): string {
  return /^0b/i.test(like) ? `0b${bytes.toBase64()}` : `0x${bytes.toHex()}`;
}

/** CHAP_I: one byte, as any number of section 6.1. Throws ProtocolError. */
export function decodeIdentifier(text: string): number {
  const identifier = /^(?:0x[0-9a-f]{1,2}|[0-9]{1,3})$/i.test(text) ? Number(text) : NaN;
  if (identifier <= 0xff) return identifier;
  throw new ProtocolError("CHAP_I is not a byte");
}

function limited(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_BINARY_BYTES) throw new ProtocolError("a binary value is too long");
  return bytes;
}
