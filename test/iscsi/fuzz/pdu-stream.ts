/** PDUs as the fuzzer changes them: cut from a stream and joined again, by rules written here and not taken from the target. */
import type { Random } from "../../support/fuzz/random.ts";
import { mutateBytes, mutateList } from "../../support/fuzz/mutate.ts";
import { crc32c } from "./crc.ts";

export interface RawPdu {
  /** Basic and additional header segments. */
  readonly head: Uint8Array;
  /** As long as the header says, unless the stream ends before that. */
  readonly data: Uint8Array;
}

export const HEAD_BYTES = 48;
const NOTHING = new Uint8Array(0);

export function lengthsOf(head: Uint8Array): { ahs: number; data: number } {
  return {
    ahs: (head[4] ?? 0) * 4,
    data: (head[5] ?? 0) * 65_536 + (head[6] ?? 0) * 256 + (head[7] ?? 0),
  };
}

export function padTo4(length: number): number {
  return Math.ceil(length / 4) * 4;
}

/** Cuts a stream without digests. What is left of an incomplete PDU is `rest`. */
export function cutPdus(stream: Uint8Array): { pdus: RawPdu[]; rest: Uint8Array } {
  const pdus: RawPdu[] = [];
  let at = 0;
  while (stream.length - at >= HEAD_BYTES) {
    const { ahs, data } = lengthsOf(stream.subarray(at));
    const dataAt = at + HEAD_BYTES + ahs;
    if (stream.length < dataAt + padTo4(data)) break;
    pdus.push({ head: stream.slice(at, dataAt), data: stream.slice(dataAt, dataAt + data) });
    at = dataAt + padTo4(data);
  }
  return { pdus, rest: stream.slice(at) };
}

/** A PDU on the wire; its length fields are left as they are. */
export function joinPdu(
  { head, data }: RawPdu,
  { headerDigest = false, dataDigest = false }: { headerDigest?: boolean; dataDigest?: boolean } = {},
): Uint8Array {
  const body = new Uint8Array(padTo4(data.length));
  body.set(data);
  return Buffer.concat([
    head,
    headerDigest ? crc32c(head) : NOTHING,
    body,
    dataDigest && data.length > 0 ? crc32c(body) : NOTHING,
  ]);
}

export function joinPdus(pdus: readonly RawPdu[]): Uint8Array {
  return Buffer.concat(pdus.map((pdu) => joinPdu(pdu)));
}

/** The same PDU with that data, and a header that says so. */
export function withData(pdu: RawPdu, data: Uint8Array): RawPdu {
  const head = pdu.head.slice();
  head[5] = data.length >>> 16;
  head[6] = data.length >>> 8;
  head[7] = data.length;
  return { head, data };
}

/** What one PDU may become: a field set, a flag flipped, its AHS or data longer or shorter or different. */
export function mutatePdu(
  pdu: RawPdu,
  random: Random,
  mutateData?: (data: Uint8Array, random: Random) => Uint8Array,
): RawPdu {
  // Who knows what the data means has more to try there than in the header.
  if (mutateData && random.chance(60)) return withData(pdu, mutateData(pdu.data, random));
  const head = pdu.head.slice();
  switch (random.below(6)) {
    case 0:
      head[random.pick([0, 1, 1, 1])] = random.below(256);
      return { head, data: pdu.data };
    case 1: {
      // Any field of four bytes, by its edges.
      const at = random.pick([8, 12, 16, 20, 24, 28, 32, 36, 40, 44]);
      new DataView(head.buffer, head.byteOffset).setUint32(at, random.edge(32));
      return { head, data: pdu.data };
    }
    case 2: {
      head[HEAD_BYTES - 1 - random.below(40)] = random.edge(8);
      return { head, data: pdu.data };
    }
    case 3: {
      const words = random.pick([0, 1, 2, 2, 9, 255]);
      const longer = new Uint8Array(HEAD_BYTES + words * 4);
      longer.set(head.subarray(0, HEAD_BYTES));
      longer.set(random.bytes(Math.min(words * 4, 16)), HEAD_BYTES);
      longer[4] = words;
      return { head: longer, data: pdu.data };
    }
    case 4:
      return withData(pdu, new Uint8Array(random.pick([0, 1, 3, 4, 511, 512, 4095, 4096, 8192, 8193])));
    default:
      return withData(pdu, mutateBytes(pdu.data, random));
  }
}

/** A list of PDUs, or one of them, changed. */
export function mutatePdus(
  pdus: readonly RawPdu[],
  random: Random,
  others: readonly RawPdu[],
  mutateData?: (data: Uint8Array, random: Random) => Uint8Array,
): RawPdu[] {
  if (pdus.length === 0 || random.chance(25)) return mutateList(pdus, random, others);
  const at = random.below(pdus.length);
  return pdus.map((pdu, i) => (i === at ? mutatePdu(pdu, random, mutateData) : pdu));
}

/** Cuts an input of `configBytes` and a stream where it may be cut. */
export function piecesOf(input: Uint8Array, configBytes: number): Uint8Array[] {
  const { pdus, rest } = cutPdus(input.subarray(configBytes));
  return [input.slice(0, configBytes), ...pdus.map((pdu) => joinPdu(pdu)), rest];
}
