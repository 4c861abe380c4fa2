import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { decodeTar, encodeTar } from "./tar.ts";

const paths = fc.stringMatching(/^[a-z0-9][a-z0-9./_+-]{0,98}$/);
const entries = fc.uniqueArray(fc.record({ path: paths, data: fc.uint8Array({ maxLength: 1500 }) }), {
  selector: ({ path }) => path,
  maxLength: 8,
});

describe("the bundle's tar", () => {
  test("decodes to what was encoded", () => {
    fc.assert(
      fc.property(entries, (files) => {
        expect([...decodeTar(encodeTar(files))]).toEqual(files.map(({ path, data }) => [path, data]));
      }),
    );
  });

  test("is read by tar(1)", () => {
    const tar = encodeTar([
      { path: "overlays/one.dtbo", data: new TextEncoder().encode("one") },
      { path: "empty", data: new Uint8Array() },
    ]);
    const listed = spawnSync("tar", ["--list", "--verbose", "--numeric-owner", "--utc"], {
      input: tar,
      encoding: "utf8",
    });
    expect(listed.stderr).toBe("");
    expect(listed.stdout.split("\n").slice(0, 2)).toEqual([
      "-rw-r--r-- 0/0               3 1970-01-01 00:00 overlays/one.dtbo",
      "-rw-r--r-- 0/0               0 1970-01-01 00:00 empty",
    ]);
  });

  test("refuses a path that the header cannot hold", () => {
    expect(() => encodeTar([{ path: "x".repeat(101), data: new Uint8Array() }])).toThrow(RangeError);
  });

  test("that was cut off anywhere is refused", () => {
    const tar = encodeTar([{ path: "Image.gz", data: new Uint8Array(3000).fill(7) }]);
    for (let length = 0; length < tar.length - 1024; length += 97)
      expect(() => decodeTar(tar.subarray(0, length)), String(length)).toThrow(RangeError);
  });

  test("with a damaged header is refused", () => {
    const tar = encodeTar([{ path: "Image.gz", data: new Uint8Array(10) }]);
    tar[3] = 0x41;
    expect(() => decodeTar(tar)).toThrow("wrong header sum");
  });
});
