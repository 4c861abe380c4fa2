import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeTextKeys, encodeTextKeys } from "./text-keys.ts";

const text = (words: string): Uint8Array => new TextEncoder().encode(words);

describe("text keys", () => {
  test("come back as they went, in their order", () => {
    const key = fc.stringMatching(/^[A-Z][A-Za-z0-9.+@_#-]{0,20}$/);
    const value = fc
      .string({ unit: "binary-ascii", maxLength: 60 })
      .map((string) => string.replaceAll("\0", "="));
    const list = fc.uniqueArray(fc.tuple(key, value), { maxLength: 20, selector: ([name]) => name });
    fc.assert(fc.property(list, (keys) => expect(decodeTextKeys(encodeTextKeys(keys))).toEqual(keys)));
  });

  test("a value may hold an equals sign, be empty, and be followed by padding", () => {
    expect(decodeTextKeys(text("A=b=c\0SendTargets=\0\0\0"))).toEqual([
      ["A", "b=c"],
      ["SendTargets", ""],
    ]);
  });

  const WRONG = [
    { what: "a key given twice", bytes: text("A=1\0B=2\0A=1\0"), says: "given twice" },
    { what: "a key without a value", bytes: text("A=1\0Bare\0"), says: "without a value" },
    { what: "a value without a key", bytes: text("=1\0"), says: "without a value" },
    { what: "a malformed key name", bytes: text("A b=1\0"), says: "malformed" },
    { what: "a key name of 64 bytes", bytes: text(`${"K".repeat(64)}=1\0`), says: "malformed" },
    { what: "an endless value", bytes: text(`A=${"x".repeat(5000)}\0`), says: "too long" },
    { what: "bytes that are not UTF-8", bytes: Uint8Array.of(65, 61, 0xff, 0), says: "UTF-8" },
    {
      what: "65 keys",
      bytes: text(Array.from({ length: 65 }, (_, i) => `K${i}=1\0`).join("")),
      says: "more than 64",
    },
  ];
  for (const { what, bytes, says } of WRONG) {
    test(`${what} is an error`, () => expect(() => decodeTextKeys(bytes)).toThrow(says));
  }
});
