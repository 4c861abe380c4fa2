/** The identifiers of a session: made once, at random, and kept for as long as its record lives. */
import { randomBytes } from "node:crypto";

/** Every target of ours is named under it (RFC 3720 section 3.2.6.3.1). */
export const IQN_PREFIX = "iqn.2026-01.net.pinetboot:";

const LOWER = "abcdefghijklmnopqrstuvwxyz0123456789";
const ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** Windows' initiator takes secrets of 12 to 16 characters; 16 alphanumerics are 95 bits. */
const SECRET_LENGTH = 16;
const SESSION_ID_LENGTH = 10;

export interface SessionIdentity {
  readonly id: string;
  readonly iqn: string;
  readonly chapUser: string;
  readonly chapSecret: string;
  /** 16 hex digits: NAA type 3, locally assigned (SPC-4 7.8.6.6.4). */
  readonly naa: string;
  /** 16 hex digits, for VPD page 0x80. */
  readonly serialNumber: string;
}

/** A new identity. Only `[a-z0-9.:-]` in the name: EDK2 lower-cases, open-iscsi makes a folder of it. */
export function newSessionIdentity(): SessionIdentity {
  const id = randomText(LOWER, SESSION_ID_LENGTH);
  return {
    id,
    iqn: `${IQN_PREFIX}${id}`,
    chapUser: `user-${id}`,
    chapSecret: randomText(ALPHANUMERIC, SECRET_LENGTH),
    naa: `3${randomBytes(8).toString("hex").slice(1)}`,
    serialNumber: randomBytes(8).toString("hex"),
  };
}

/** The name by which a Pi logs in: the same at each boot. */
export function piInitiatorName(key: string): string {
  return `${IQN_PREFIX}pi.${key.replaceAll(":", "-")}`;
}

/** The NAA of a unit of a session: the session's own for LUN 0, and one derived from it for each further one. */
export function unitNaa(naa: string, lun: number): string {
  return addHex(naa, lun);
}

/** The serial number of a unit, made in the same way. */
export function unitSerialNumber(serialNumber: string, lun: number): string {
  return addHex(serialNumber, lun);
}

/** Text of `length` characters of `alphabet`, every one equally likely. */
function randomText(alphabet: string, length: number): string {
  const limit = 256 - (256 % alphabet.length);
  let text = "";
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < limit && text.length < length) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}

/** Adds to the low 56 bits, so that the first digit (the NAA type) stays. */
function addHex(hex: string, count: number): string {
  const low = (BigInt(`0x${hex.slice(2)}`) + BigInt(count)) & 0xff_ffff_ffff_ffffn;
  return hex.slice(0, 2) + low.toString(16).padStart(14, "0");
}
