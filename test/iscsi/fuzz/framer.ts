/**
 * The framer against a plain parser that has the whole stream before it: the same PDUs, or the same end, however the
 * stream is cut. An input is two bytes of circumstances, then the stream.
 */
import { ProtocolError } from "../../../src/iscsi-target/src/wire/bytes.ts";
import { Framer } from "../../../src/iscsi-target/src/wire/framer.ts";
import { type FuzzTarget, readCorpus } from "../../support/fuzz/engine.ts";
import { mutateBytes } from "../../support/fuzz/mutate.ts";
import { Random } from "../../support/fuzz/random.ts";
import { crc32c } from "./crc.ts";
import { HEAD_BYTES, cutPdus, joinPdu, lengthsOf, mutatePdus, padTo4, piecesOf } from "./pdu-stream.ts";

const HEADER_DIGEST = 0x01;
const DATA_DIGEST = 0x02;
const STREAMED = 0x04;
const NO_AHS = 0x08;
const SHORT_DATA = 0x10;
/** The circumstances that spoil a digest now and then: the stream is then taken as it is. */
const RAW_STREAM = 0x20;
const CONFIG_BYTES = 2;

interface Terms {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  readonly isStreamed: boolean;
  readonly maxAhsBytes: number;
  readonly maxDataBytes: number;
}

interface Taken {
  readonly header: string;
  /** As `nameOf` says it, or "digest error". */
  readonly data: string;
}

interface Outcome {
  readonly taken: readonly Taken[];
  readonly isRefused: boolean;
}

const corpus = readCorpus(`${import.meta.dir}/corpus/framer`);
const others = corpus.flatMap((input) => cutPdus(input.subarray(CONFIG_BYTES)).pdus);

export const framerTarget: FuzzTarget = {
  name: "framer",
  corpus,
  pieces: (input) => piecesOf(input, CONFIG_BYTES),
  mutate(input, random) {
    if (random.chance(15)) return Buffer.concat([random.bytes(CONFIG_BYTES), input.subarray(CONFIG_BYTES)]);
    const { pdus, rest } = cutPdus(input.subarray(CONFIG_BYTES));
    const changed = mutatePdus(pdus, random, others);
    return Buffer.concat([input.subarray(0, CONFIG_BYTES), ...changed.map((pdu) => joinPdu(pdu)), rest]);
  },
  check(input) {
    const flags = input[0] ?? 0;
    const terms: Terms = {
      headerDigest: (flags & HEADER_DIGEST) !== 0,
      dataDigest: (flags & DATA_DIGEST) !== 0,
      isStreamed: (flags & STREAMED) !== 0,
      maxAhsBytes: flags & NO_AHS ? 0 : 255 * 4,
      maxDataBytes: flags & SHORT_DATA ? 8192 : 262_144,
    };
    const random = new Random(input[1] ?? 0);
    const stream = wireOf(input.subarray(CONFIG_BYTES), terms, (flags & RAW_STREAM) !== 0, random);
    const expected = parsePlainly(stream, terms);
    const most = random.pick([1, 7, 100, 5000, 70_000]);
    expectSame(frame([stream], terms), expected, "in one piece");
    expectSame(frame(chunksOf(stream, most, random), terms), expected, `in pieces of ${most} at most`);
  },
};

/** Digests are computed here, so that changes get past them; one in sixteen is spoilt. */
function wireOf(plain: Uint8Array, terms: Terms, isRaw: boolean, random: Random): Uint8Array {
  if (isRaw) return plain;
  const { pdus, rest } = cutPdus(plain);
  const parts = pdus.map((pdu) => {
    const bytes = joinPdu(pdu, terms);
    return random.chance(6) ? mutateBytes(bytes, random) : bytes;
  });
  return Buffer.concat([...parts, rest]);
}

function* chunksOf(stream: Uint8Array, most: number, random: Random): Generator<Uint8Array> {
  for (let at = 0; at < stream.length;) {
    const length = random.between(1, stream.length > 20_000 ? Math.max(most, 1000) : most);
    yield stream.subarray(at, at + length);
    at += length;
  }
}

function parsePlainly(stream: Uint8Array, terms: Terms): Outcome {
  const taken: Taken[] = [];
  let at = 0;
  while (stream.length - at >= HEAD_BYTES) {
    const { ahs, data } = lengthsOf(stream.subarray(at));
    if (data > terms.maxDataBytes || ahs > terms.maxAhsBytes) return { taken, isRefused: true };
    const headEnd = at + HEAD_BYTES + ahs;
    const dataAt = headEnd + (terms.headerDigest ? 4 : 0);
    if (stream.length < dataAt) break;
    const head = stream.subarray(at, headEnd);
    if (terms.headerDigest && Buffer.compare(crc32c(head), stream.subarray(headEnd, dataAt)) !== 0)
      return { taken, isRefused: true };
    const bodyEnd = dataAt + padTo4(data);
    const end = bodyEnd + (terms.dataDigest && data > 0 ? 4 : 0);
    if (stream.length < end) break;
    const body = stream.subarray(dataAt, bodyEnd);
    const isWrong = end > bodyEnd && Buffer.compare(crc32c(body), stream.subarray(bodyEnd, end)) !== 0;
    // Only the basic header is kept for a digest error's answer.
    taken.push({
      header: Buffer.from(isWrong ? head.subarray(0, HEAD_BYTES) : head).toString("hex"),
      data: isWrong ? "digest error" : nameOf(body.subarray(0, data)),
    });
    at = end;
  }
  return { taken, isRefused: false };
}

function frame(chunks: Iterable<Uint8Array>, terms: Terms): Outcome {
  const taken: Taken[] = [];
  let header = new Uint8Array(0);
  let body: Uint8Array[] = [];
  let length = 0;
  const framer = new Framer(
    {
      onHeader(bytes) {
        header = bytes.slice();
        body = [];
        length = 0;
        return terms.isStreamed ? "stream" : "whole";
      },
      onData(bytes, offset) {
        if (offset !== length) throw new Error(`data at ${offset} where ${length} is next`);
        if (!terms.isStreamed && offset > 0) throw new Error("a body wanted whole comes in pieces");
        body.push(bytes.slice());
        length += bytes.length;
      },
      onEnd() {
        taken.push({ header: header.toHex(), data: nameOf(Buffer.concat(body)) });
      },
      onDataDigestError(bytes) {
        if (length > 0) throw new Error("data was handed over before its digest was checked");
        taken.push({ header: bytes.toHex(), data: "digest error" });
      },
    },
    terms.maxDataBytes,
  );
  framer.headerDigest = terms.headerDigest;
  framer.dataDigest = terms.dataDigest;
  framer.maxAhsBytes = terms.maxAhsBytes;
  try {
    for (const chunk of chunks) framer.push(chunk);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { taken, isRefused: true };
  }
  return { taken, isRefused: false };
}

/** Short data as it is, long data by its length and hash. */
function nameOf(data: Uint8Array): string {
  return data.length <= 64 ? Buffer.from(data).toString("hex") : `${data.length}:${Bun.hash(data)}`;
}

function expectSame(got: Outcome, want: Outcome, how: string): void {
  if (!Bun.deepEquals(got, want))
    throw new Error(
      `${how}: ${JSON.stringify(got).slice(0, 600)} instead of ${JSON.stringify(want).slice(0, 600)}`,
    );
}
