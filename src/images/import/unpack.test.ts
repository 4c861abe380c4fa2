/** Unpacking: every format, whole or damaged in every way, and what is left of zeros. */
import { describe, expect, test, setDefaultTimeout } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { temporaryFolder } from "../../../test/support/temporary.ts";
import { ImageError } from "../image-error.ts";
import type { Checks } from "./checks.ts";
import type { Bytes } from "./content.ts";
import { StreamSource } from "./source/stream-source.ts";
import { unpack, type Unpacked } from "./unpack.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000);

const folder = temporaryFolder("unpack");
let count = 0;

/** A disk of 3 MiB: text, a hole, noise, and an end that is no whole page. */
const disk = new Uint8Array(3 * 2 ** 20 - 1536);
disk.set(new TextEncoder().encode("root=/dev/sda2 ".repeat(20_000)), 0);
disk.set(new TextEncoder().encode("alone in its page"), 2 ** 20 + 5000);
for (let i = 2 ** 21; i < disk.byteLength; i += 1) disk[i] = (Math.imul(i, 2_654_435_761) >>> 13) & 0xff;
const sha256 = Bun.SHA256.hash(disk, "hex");

async function* pieces(bytes: Uint8Array, size: number): Bytes {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.slice(at, at + size);
}

function sourceOf(packed: Uint8Array, path: string, piece: number): StreamSource {
  return new StreamSource(pieces(packed, piece), {
    totalBytes: () => undefined,
    hashed: true,
    spool: `${path}.part`,
    checkRoom: () => undefined,
  });
}

async function unpacked(
  packed: Uint8Array,
  options: { piece?: number; max?: number } = {},
): Promise<Unpacked & { path: string }> {
  const path = join(folder, `image-${(count += 1)}`);
  const source = sourceOf(packed, path, options.piece ?? 65_536);
  const limit = options.max === undefined ? {} : { maxBytes: options.max };
  return { ...(await unpack(source, path, limit)), path };
}

async function failure(packed: Uint8Array, max?: number): Promise<ImageError> {
  const result = await unpacked(packed, max === undefined ? {} : { max }).catch((error: unknown) => error);
  if (result instanceof ImageError) return result;
  throw new Error("it was unpacked, or failed otherwise", { cause: result });
}

/** "pinetboot " 300 times, made by the xz program with its usual check and with CRC32. */
const XZ_TEXT = Buffer.from("pinetboot ".repeat(300));
const XZ_CRC64 = Buffer.from(
  "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4Au3ACBdADgaSh8MsuLutIWcoFyFiPHiQ23ILCHme7/1jH/baZAAAENVy/UoX+YTAAE8uBcAAAD4P5RdscRn+wIAAAAABFla",
  "base64",
);
const XZ_CRC32 = Buffer.from(
  "/Td6WFoAAAFpIt42AgAhARYAAAB0L+Wj4Au3ACBdADgaSh8MsuLutIWcoFyFiPHiQ23ILCHme7/1jH/baZAAAH2d8EcAATi4FwAAAO59BcY+MA2LAgAAAAABWVo=",
  "base64",
);
/** The same, made by bzip2. */
const BZIP2 = Buffer.from(
  "QlpoOTFBWSZTWfTXA8UABK+RgEAAEiHEACAAUIYEBSqMNMFI4UjCkdKRwpGFI6Uj4pGFI8LuSKcKEh6a4Hig",
  "base64",
);
/** As its content comes out: filled up to whole sectors. */
const XZ_SHA256 = Bun.SHA256.hash(Buffer.concat([XZ_TEXT, Buffer.alloc(3072 - 3000)]), "hex");

const PACKED = {
  raw: disk,
  gzip: zlib.gzipSync(disk),
  zstd: zlib.zstdCompressSync(disk, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } }),
} as const;

describe.each(Object.entries(PACKED))("a %s file", (format, packed) => {
  test("is unpacked to the same bytes, its zeros as holes, its hash that of what a guest reads", async () => {
    const result = await unpacked(packed);
    expect(result).toMatchObject({ format, sizeBytes: disk.byteLength, sha256 });
    expect(Buffer.compare(await Bun.file(result.path).bytes(), disk)).toBe(0);
    expect(statSync(result.path).blocks * 512).toBeLessThan(2 * 2 ** 20);
  });

  test("is the same in pieces of any size", async () => {
    const small = packed.subarray(0, format === "raw" ? 5120 : packed.byteLength);
    const want = (await unpacked(small)).sha256;
    for (const piece of [1021, 4096, 4097, 70_001])
      expect((await unpacked(small, { piece })).sha256).toBe(want);
  });

  test("is refused when it holds more than the limit", async () => {
    expect(await failure(packed, 2 ** 21)).toMatchObject({ code: "too-large" });
  });
});

describe.each([
  ["gzip", PACKED.gzip],
  ["zstd", PACKED.zstd],
  ["xz", XZ_CRC64],
  ["bzip2", BZIP2],
] as const)("a %s archive", (_format, packed) => {
  test("that is cut off is refused, wherever it ends", async () => {
    const step = Math.ceil(packed.byteLength / 9);
    for (let end = 20; end < packed.byteLength; end += step) {
      expect(await failure(packed.subarray(0, end))).toMatchObject({ code: "bad-archive" });
    }
    const lastByteGone = await failure(packed.subarray(0, packed.byteLength - 1));
    expect(lastByteGone).toMatchObject({ code: "bad-archive" });
  });

  test("that is damaged is refused", async () => {
    for (const at of [0.4, 0.7]) {
      const damaged = Buffer.from(packed);
      const index = Math.floor(packed.byteLength * at);
      damaged[index] = (damaged[index] ?? 0) ^ 0x10;
      expect(await failure(damaged)).toMatchObject({ code: "bad-archive" });
    }
  });

  test("with something else behind its end is refused", async () => {
    for (const more of ["garbage behind the end", "x".repeat(100_000)]) {
      expect(await failure(Buffer.concat([packed, Buffer.from(more)]))).toMatchObject({
        code: "bad-archive",
      });
    }
  });

  test("that follows another of its kind is one file with it", async () => {
    const twice = await unpacked(Buffer.concat([packed, packed]));
    const once = await Bun.file((await unpacked(packed)).path).bytes();
    const content = await Bun.file(twice.path).bytes();
    const length = packed === XZ_CRC64 || packed === BZIP2 ? XZ_TEXT.byteLength : once.byteLength;
    expect(Buffer.compare(content.subarray(length, 2 * length), once.subarray(0, length))).toBe(0);
  });
});

test("a bzip2 file that is changed anywhere is refused, or is the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: BZIP2.byteLength - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, flip) => {
        const changed = Buffer.from(BZIP2);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const result = await unpacked(changed).catch((error: unknown) => error);
        if (result instanceof Error) expect(result.name).toBe("ImageError");
        else expect(result).toMatchObject({ sha256: XZ_SHA256 });
      },
    ),
    { numRuns: 200 },
  );
});

test("xz with a check that only the program xz knows is refused with the way around it", async () => {
  const sha256 = Buffer.from(XZ_CRC64);
  sha256[7] = 0x0a;
  sha256.writeUInt32LE(Bun.hash.crc32(sha256.subarray(6, 8)), 8);
  const refused = unpacked(sha256);
  expect(await refused.catch((error: unknown) => error)).toMatchObject({
    code: "bad-archive",
    fix: "Unpack it by the program xz: xz -dc FILE | pinetboot image import -",
  });
});

test("xz is unpacked with either check", async () => {
  expect(await unpacked(XZ_CRC64)).toMatchObject({ format: "xz", sizeBytes: 3072, sha256: XZ_SHA256 });
  expect(await unpacked(XZ_CRC32)).toMatchObject({ format: "xz", sizeBytes: 3072, sha256: XZ_SHA256 });
});

test("the kind of a file is told by its first bytes, and what is no disk is refused by name", async () => {
  const cases = [
    ["377abcaf271c", "a 7z archive"],
    ["4b444d56", "a VMDK disk"],
    ["7668647866696c65", "a VHDX disk"],
  ] as const;
  for (const [magic, words] of cases) {
    const refused = await failure(Buffer.concat([Buffer.from(magic, "hex"), Buffer.alloc(1000)]));
    expect(refused).toMatchObject({ code: "unknown-format" });
    expect(refused.message).toContain(words);
  }
  const tar = Buffer.alloc(1024);
  tar.write("ustar", 257);
  expect((await failure(tar)).message).toContain("a tar archive");
});

test("an empty file and an archive of nothing are refused", async () => {
  expect(await failure(new Uint8Array())).toMatchObject({ code: "unknown-format" });
  expect(await failure(zlib.gzipSync(""))).toMatchObject({ code: "unknown-format" });
  expect(await failure(zlib.zstdCompressSync(""))).toMatchObject({ code: "unknown-format" });
});

test("a bomb is stopped at the limit before it has filled anything", async () => {
  const bomb = zlib.gzipSync(Buffer.alloc(64 * 2 ** 20));
  expect(bomb.byteLength).toBeLessThan(100_000);
  const path = join(folder, `image-${count + 1}`);
  expect(await failure(bomb, 8 * 2 ** 20)).toMatchObject({ code: "too-large" });
  expect(statSync(path).blocks).toBe(0);
});

test("whatever bytes come, an image or an ImageError comes out", async () => {
  const magic = fc.constantFrom(
    "1f8b08",
    "28b52ffd",
    "fd377a585a00",
    "425a6839314159265359",
    "504b0304",
    "514649fb00000003",
    "",
  );
  await fc.assert(
    fc.asyncProperty(magic, fc.uint8Array({ minLength: 1, maxLength: 400 }), async (start, rest) => {
      const bytes = Buffer.concat([Buffer.from(start, "hex"), rest]);
      const result = await unpacked(bytes).catch((error: unknown) => error);
      if (result instanceof Error) expect(result.name).toBe("ImageError");
      else expect(result).toHaveProperty("sha256");
    }),
    { numRuns: 150 },
  );
});

test("what is small and becomes large without being zeros is a bomb, and zeros are none", async () => {
  const unquestionedBytes = 2 ** 20;
  const bomb = zlib.zstdCompressSync(Buffer.alloc(256 * 2 ** 20, 1));
  const path = join(folder, `image-${(count += 1)}`);
  const failed = await unpack(sourceOf(bomb, path, 65_536), path, { unquestionedBytes }).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ code: "too-large", message: expect.stringContaining("bomb") });
  // It is stopped long before its end.
  expect(statSync(path).blocks * 512).toBeLessThan(100 * 2 ** 20);

  const empty = zlib.zstdCompressSync(Buffer.alloc(256 * 2 ** 20));
  const other = join(folder, `image-${(count += 1)}`);
  expect(await unpack(sourceOf(empty, other, 65_536), other, { unquestionedBytes })).toMatchObject({
    sizeBytes: 256 * 2 ** 20,
    writtenBytes: 0,
  });
});

test("an archive in an archive, and a disk of another kind in one, are refused by name, unless it is said to be raw", async () => {
  const tar = Buffer.alloc(4096);
  tar.write("ustar", 257);
  const qcow2 = Buffer.alloc(4096);
  Buffer.from("514649fb00000003", "hex").copy(qcow2);
  for (const [inner, words] of [
    [tar, "a tar archive"],
    [qcow2, "a qcow2 disk"],
    [zlib.gzipSync(disk), "a gzip archive"],
  ] as const) {
    const packed = zlib.gzipSync(inner);
    const refused = await failure(packed);
    expect(refused).toMatchObject({ code: "unknown-format", fix: expect.stringContaining("--format raw") });
    expect(refused.message).toContain(words);
    const path = join(folder, `image-${(count += 1)}`);
    const source = sourceOf(packed, path, 100);
    expect(await unpack(source, path, { format: "raw" })).toMatchObject({ format: "gzip" });
  }
});

const sum = (bytes: Uint8Array): string => Bun.SHA256.hash(bytes, "hex");

test("sums are compared with the file, with the image, and with the image before it was filled up", async () => {
  const content = Buffer.from("a disk that is no whole sector");
  const packed = zlib.gzipSync(content);
  const wrong = "0".repeat(64);
  const take = async (checks: Checks): Promise<unknown> => {
    const path = join(folder, `image-${(count += 1)}`);
    const source = sourceOf(packed, path, 10);
    return unpack(source, path, { checks }).catch((error: unknown) => error);
  };
  for (const good of [
    { sourceSha256: sum(packed) },
    { imageSha256: sum(content) },
    { imageSha256: sum(Buffer.concat([content, Buffer.alloc(512 - content.byteLength)])) },
    { eitherSha256: sum(packed) },
    { eitherSha256: sum(content) },
  ])
    expect(await take(good)).toHaveProperty("sha256");
  for (const bad of [{ sourceSha256: sum(content) }, { imageSha256: sum(packed) }, { eitherSha256: wrong }])
    expect(await take(bad)).toMatchObject({ code: "bad-checksum" });
});
