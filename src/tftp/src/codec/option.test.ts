import { describe, expect, test } from "bun:test";
import { DEFAULT_LIMITS, MAX_WINDOW_BYTES } from "../limits.ts";
import { agree } from "./option.ts";

const agreed = (name: string, value: string, sizeBytes: number | undefined = 1000) =>
  agree([[name, value]], sizeBytes, DEFAULT_LIMITS);

describe("what is agreed to", () => {
  test("without options a block is 512 bytes, one is in flight, and there is no OACK", () => {
    expect(agree([], 1000, DEFAULT_LIMITS)).toEqual({
      blockBytes: 512,
      windowBlocks: 1,
      timeoutMs: undefined,
      answer: [],
    });
  });

  test.each([
    ["blksize", "8", "8"],
    ["blksize", "1468", "1468"],
    ["blksize", "65464", "65464"],
    ["blksize", "65465", "65464"],
    ["blksize", "9999999999", "65464"],
    ["timeout", "1", "1"],
    ["timeout", "255", "255"],
    ["tsize", "0", "1000"],
    ["tsize", "4711", "1000"],
    ["windowsize", "1", "1"],
    ["windowsize", "64", "64"],
    ["windowsize", "65535", "64"],
  ])("%s %s is answered with %s", (name, value, answer) => {
    expect(agreed(name, value).answer).toEqual([[name, answer]]);
  });

  test.each([
    ["blksize", "7"],
    ["blksize", "0"],
    ["blksize", "-1"],
    ["blksize", ""],
    ["blksize", "1468 "],
    ["blksize", "0x200"],
    ["blksize", "1e3"],
    ["blksize", "12345678901234567"],
    ["timeout", "0"],
    ["timeout", "256"],
    ["timeout", "1.5"],
    ["tsize", "-1"],
    ["windowsize", "0"],
    ["windowsize", "-1"],
    ["multicast", ""],
    ["utimeout", "100000"],
  ])("%s %p is ignored, as if it had not been asked for", (name, value) => {
    expect(agreed(name, value)).toEqual(agree([], 1000, DEFAULT_LIMITS));
  });

  test("of an option that is named twice the first counts", () => {
    const twice = agree(
      [
        ["blksize", "1024"],
        ["blksize", "16"],
      ],
      0,
      DEFAULT_LIMITS,
    );
    expect(twice).toMatchObject({ blockBytes: 1024, answer: [["blksize", "1024"]] });
  });

  test("tsize is ignored when nobody knows the size, as for netascii", () => {
    expect(agree([["tsize", "0"]], undefined, DEFAULT_LIMITS).answer).toEqual([]);
  });

  test("a window is lowered until it fits in a socket's buffer", () => {
    const { blockBytes, windowBlocks, answer } = agree(
      [
        ["windowsize", "64"],
        ["blksize", "8192"],
      ],
      0,
      DEFAULT_LIMITS,
    );
    expect(windowBlocks).toBeGreaterThan(1);
    expect(windowBlocks * (blockBytes + 4)).toBeLessThanOrEqual(MAX_WINDOW_BYTES);
    expect(answer).toEqual([
      ["windowsize", String(windowBlocks)],
      ["blksize", "8192"],
    ]);
  });

  test("the largest block still has a window of one", () => {
    const asked = [
      ["blksize", "65464"],
      ["windowsize", "8"],
    ] as const;
    expect(agree(asked, 0, DEFAULT_LIMITS).windowBlocks).toBeGreaterThanOrEqual(1);
  });
});
