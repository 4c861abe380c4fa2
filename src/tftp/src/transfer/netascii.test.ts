import { expect, test } from "bun:test";
import fc from "fast-check";
import { netasciiContent } from "./netascii.ts";

/** The plain rule, all at once. */
function encoded(bytes: Uint8Array): number[] {
  return [...bytes].flatMap((byte) => (byte === 10 ? [13, 10] : byte === 13 ? [13, 0] : [byte]));
}

function readAll(bytes: Uint8Array, blockBytes: number): number[] {
  const content = netasciiContent(bytes);
  const target = new Uint8Array(blockBytes);
  const all: number[] = [];
  for (let block = 1; ; block++) {
    const length = content.fill(block, target);
    all.push(...target.subarray(0, length));
    if (length < blockBytes) return all;
  }
}

const text = fc
  .array(fc.constantFrom(10, 13, 0, 65), { maxLength: 100 })
  .map((list) => Uint8Array.from(list));

test("newlines become CR LF and lone CRs CR NUL, also where a block cuts the pair", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 20 }), (bytes, blockBytes) =>
      expect(readAll(bytes, blockBytes)).toEqual(encoded(bytes)),
    ),
  );
});

test("a block that is asked for again is the same", () => {
  const content = netasciiContent(new TextEncoder().encode("a\nb\nc\nd\n"));
  const [first, again] = [new Uint8Array(3), new Uint8Array(3)];
  content.fill(1, new Uint8Array(3));
  content.fill(2, first);
  content.fill(3, new Uint8Array(3));
  content.fill(2, again);
  expect(again).toEqual(first);
});
