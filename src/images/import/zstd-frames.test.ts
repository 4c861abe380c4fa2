import { expect, test } from "bun:test";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { ZstdFrameError, ZstdFrames } from "./zstd-frames.ts";

const text = Buffer.from("a disk image, said the owl. ".repeat(9000));
const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
const emptySkippable = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);

function follow(bytes: Uint8Array, piece: number): void {
  const frames = new ZstdFrames();
  for (let at = 0; at < bytes.byteLength; at += piece) frames.push(bytes.subarray(at, at + piece));
  frames.end();
}

test("whole files pass: with and without checksum, several frames, skippable ones, in pieces of any size", () => {
  const checksum = { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } };
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("plain", "checked", "empty", "random", "skip", "skip0"), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.integer({ min: 1, max: 5000 }),
      (kinds, piece) => {
        const parts = kinds.map((kind) => {
          switch (kind) {
            case "plain":
              return zlib.zstdCompressSync(text);
            case "checked":
              return zlib.zstdCompressSync(text, checksum);
            case "empty":
              return zlib.zstdCompressSync(Buffer.alloc(0), checksum);
            case "random":
              return zlib.zstdCompressSync(crypto.getRandomValues(new Uint8Array(20_000)));
            case "skip":
              return skippable;
            case "skip0":
              return emptySkippable;
          }
        });
        follow(Buffer.concat(parts), piece);
      },
    ),
    { numRuns: 60 },
  );
});

test("a file that is cut off anywhere is told from a whole one", () => {
  const whole = zlib.zstdCompressSync(text, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } });
  for (let length = 0; length < whole.byteLength; length += 1) {
    expect(() => follow(whole.subarray(0, length), 64)).toThrow(ZstdFrameError);
  }
});

test("anything behind the last frame is told", () => {
  const whole = zlib.zstdCompressSync(text);
  expect(() => follow(Buffer.concat([whole, Buffer.from("more")]), 1000)).toThrow(
    "something else behind its end",
  );
  expect(() => follow(Buffer.concat([whole, Buffer.alloc(512)]), 1000)).toThrow(
    "something else behind its end",
  );
});
