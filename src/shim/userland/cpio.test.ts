import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type CpioEntry, encodeCpio } from "./cpio.ts";

const FIELDS = "ino mode uid gid nlink mtime size devmajor devminor rdevmajor rdevminor namesize check".split(
  " ",
);

interface Read {
  readonly name: string;
  readonly fields: Readonly<Record<string, number>>;
  readonly content: Buffer;
}

/** Reads an archive as the kernel does: from header to header, aligned to 4. */
function readAll(archive: Uint8Array): Read[] {
  const bytes = Buffer.from(archive);
  const found: Read[] = [];
  for (let at = 0; ;) {
    expect(bytes.toString("latin1", at, at + 6)).toBe("070701");
    const value = (index: number): number =>
      Number.parseInt(bytes.toString("latin1", at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const fields = Object.fromEntries(FIELDS.map((field, index) => [field, value(index)]));
    const { namesize = 0, size = 0 } = fields;
    const name = bytes.toString("utf8", at + 110, at + 110 + namesize - 1);
    const start = align(at + 110 + namesize);
    if (name === "TRAILER!!!") {
      expect(start).toBe(bytes.length);
      return found;
    }
    found.push({ name, fields, content: bytes.subarray(start, start + size) });
    at = align(start + size);
  }
}

function align(at: number): number {
  return Math.ceil(at / 4) * 4;
}

const file = (path: string, content: Uint8Array): CpioEntry => ({ type: "file", path, mode: 0o755, content });
const folder = (path: string): CpioEntry => ({ type: "directory", path, mode: 0o755 });

describe("the archive of the initramfs", () => {
  test("every content comes out as it went in, whatever its length", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 9 }), (contents) => {
        const read = readAll(encodeCpio(contents.map((content, index) => file(`f${index}`, content))));
        expect(read.map(({ content }) => content.toString("hex"))).toEqual(
          contents.map((content) => Buffer.from(content).toString("hex")),
        );
      }),
    );
  });

  test("the order of the entries makes no difference, and a folder comes before what is in it", () => {
    const entries = [
      file("bin/sh-2", Buffer.from("x")),
      folder("bin"),
      file("bin.txt", Buffer.from("y")),
      folder("bin/a"),
    ];
    const archive = encodeCpio(entries);
    expect(encodeCpio(entries.toReversed())).toEqual(archive);
    expect(readAll(archive).map(({ name }) => name)).toEqual(["bin", "bin.txt", "bin/a", "bin/sh-2"]);
  });

  test("nodes, links and modes are what the kernel expects, and no time or owner is in it", () => {
    const read = readAll(
      encodeCpio([
        folder("dev"),
        { type: "character", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
        { type: "link", path: "init", target: "bin/busybox" },
      ]),
    );
    expect(read[1]?.fields).toMatchObject({ mode: 0o020600, rdevmajor: 5, rdevminor: 1, size: 0 });
    expect(read[2]?.fields).toMatchObject({ mode: 0o120777 });
    expect(read[2]?.content.toString()).toBe("bin/busybox");
    for (const { fields } of read) expect(fields).toMatchObject({ uid: 0, gid: 0, mtime: 0 });
  });

  test("a path that is there twice, or whose folder is missing, is a mistake", () => {
    expect(() => encodeCpio([folder("a"), folder("a")])).toThrow("a is there twice");
    expect(() => encodeCpio([file("a/b", new Uint8Array())])).toThrow("a/b: no directory a");
  });
});
