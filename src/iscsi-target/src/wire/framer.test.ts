import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HEADER_BYTES, padded, setDataLength } from "../pdu/basic-header.ts";
import { ProtocolError } from "./bytes.ts";
import { setDigest } from "./crc32c.ts";
import { Framer, type PduReceiver } from "./framer.ts";

interface Seen {
  header: string;
  data: Uint8Array;
  pieces: { offset: number; length: number }[];
}

class Recorder implements PduReceiver {
  readonly pdus: Seen[] = [];
  readonly lost: string[] = [];
  wanted: "whole" | "stream" = "whole";
  #current: Seen = { header: "", data: new Uint8Array(0), pieces: [] };

  onHeader(header: Uint8Array): "whole" | "stream" {
    this.#current = { header: header.toHex(), data: new Uint8Array(0), pieces: [] };
    return this.wanted;
  }

  onData(bytes: Uint8Array, offset: number): void {
    expect(offset).toBe(this.#current.data.length);
    this.#current.pieces.push({ offset, length: bytes.length });
    this.#current.data = new Uint8Array([...this.#current.data, ...bytes]);
  }

  onEnd(): void {
    this.pdus.push(this.#current);
  }

  onDataDigestError(header: Uint8Array): void {
    this.lost.push(header.toHex());
  }
}

interface Pdu {
  readonly ahsWords: number;
  readonly data: Uint8Array;
}

function encode(pdus: readonly Pdu[], headerDigest: boolean, dataDigest: boolean): Uint8Array {
  const parts = pdus.flatMap(({ ahsWords, data }, index) => {
    const length = HEADER_BYTES + ahsWords * 4;
    const head = new Uint8Array(length + (headerDigest ? 4 : 0)).fill(index + 1, 0, length);
    head[4] = ahsWords;
    setDataLength(head, 0, data.length);
    if (headerDigest) setDigest(head, length, 0, length);
    const body = new Uint8Array(data.length === 0 ? 0 : padded(data.length) + (dataDigest ? 4 : 0));
    body.set(data);
    if (dataDigest && data.length > 0) setDigest(body, padded(data.length), 0, padded(data.length));
    return [head, body];
  });
  return new Uint8Array(Buffer.concat(parts));
}

const anyPdu = fc.record({ ahsWords: fc.nat(3), data: fc.uint8Array({ maxLength: 300 }) });

describe("the framer", () => {
  test("finds the same PDUs however the stream is cut, digests or not", () => {
    fc.assert(
      fc.property(
        fc.array(anyPdu, { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (pdus, cuts, headerDigest, dataDigest, streams) => {
          const stream = encode(pdus, headerDigest, dataDigest);
          const recorder = new Recorder();
          recorder.wanted = streams ? "stream" : "whole";
          const framer = new Framer(recorder, 1024);
          framer.maxAhsBytes = 1020;
          framer.headerDigest = headerDigest;
          framer.dataDigest = dataDigest;
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            framer.push(stream.slice(at, at + size));
            at += size;
          }
          expect(recorder.pdus.map(({ data }) => data.toHex())).toEqual(pdus.map(({ data }) => data.toHex()));
          expect(recorder.pdus.map(({ header }) => header.length / 2)).toEqual(
            pdus.map(({ ahsWords }) => HEADER_BYTES + 4 * ahsWords),
          );
        },
      ),
    );
  });

  test("finds them byte by byte", () => {
    const pdus = [
      { ahsWords: 0, data: Uint8Array.of(1, 2, 3, 4, 5) },
      { ahsWords: 2, data: new Uint8Array(0) },
      { ahsWords: 0, data: new Uint8Array(64).fill(9) },
    ];
    for (const digests of [false, true]) {
      const recorder = new Recorder();
      const framer = new Framer(recorder, 1024);
      framer.maxAhsBytes = 1020;
      framer.headerDigest = digests;
      framer.dataDigest = digests;
      for (const byte of encode(pdus, digests, digests)) framer.push(Uint8Array.of(byte));
      expect(recorder.pdus.map(({ data }) => data.length)).toEqual([5, 0, 64]);
    }
  });

  test("streams a long body in pieces that end on pages, and nothing of it is lost or doubled", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 65_537, max: 200_000 }),
        fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 6 }),
        (length, cuts) => {
          const data = Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));
          const stream = encode([{ ahsWords: 0, data }], false, false);
          const recorder = new Recorder();
          recorder.wanted = "stream";
          const framer = new Framer(recorder, 262_144);
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            framer.push(stream.subarray(at, at + size));
            at += size;
          }
          const [seen] = recorder.pdus;
          expect(Buffer.compare(seen?.data ?? new Uint8Array(0), data)).toBe(0);
          for (const { offset, length: size } of seen?.pieces ?? []) {
            expect(offset % 4096).toBe(0);
            if (offset + size < length) expect(size % 4096).toBe(0);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  test("a header that does not match its digest ends the connection", () => {
    const stream = encode([{ ahsWords: 0, data: new Uint8Array(0) }], true, false);
    stream[20] = 0xee;
    const framer = new Framer(new Recorder(), 1024);
    framer.headerDigest = true;
    expect(() => framer.push(stream)).toThrow(ProtocolError);
  });

  test("a body that does not match its digest is told of and dropped, and the next PDU is read", () => {
    const stream = encode(
      [
        { ahsWords: 0, data: new Uint8Array(8) },
        { ahsWords: 0, data: Uint8Array.of(7) },
      ],
      false,
      true,
    );
    stream[HEADER_BYTES] = 1;
    const recorder = new Recorder();
    const framer = new Framer(recorder, 1024);
    framer.dataDigest = true;
    framer.push(stream);
    expect(recorder.lost).toHaveLength(1);
    expect(recorder.pdus.map(({ data }) => data.toHex())).toEqual(["07"]);
  });

  test("a data segment longer than agreed ends the connection before a byte of it is kept", () => {
    const header = new Uint8Array(HEADER_BYTES);
    setDataLength(header, 0, 1025);
    expect(() => new Framer(new Recorder(), 1024).push(header)).toThrow("longer than the 1024 agreed");
  });
});
