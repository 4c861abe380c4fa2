/** Zip archives as the zip program makes them, and as somebody who means harm does. */
import { beforeAll, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { ImageLibrary } from "../../src/images/library.ts";
import type { Image } from "../../src/images/image.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { DISK_BYTES, shell, writeDisk } from "./disks.ts";

describeWith(["zip"], "a zip archive", () => {
  const folder = temporaryFolder("zip");
  let sha256 = "";
  let count = 0;

  beforeAll(async () => {
    ({ sha256 } = await writeDisk(folder));
    shell(folder, "cp disk.img other.img; echo read me > README.txt; mkdir -p images; cp disk.img images/");
  });

  async function imported(name: string): Promise<Image> {
    const directory = join(folder, `library-${(count += 1)}`);
    const library = await ImageLibrary.open(directory);
    try {
      return await library.import({ path: join(folder, name) });
    } catch (error) {
      expect(readdirSync(directory)).toEqual([]);
      throw error;
    }
  }

  async function refusal(name: string): Promise<string> {
    const failure = await imported(name).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "ImageError" });
    return String(failure);
  }

  test.each([
    ["with its one image", "zip -q -1 case.zip disk.img"],
    ["that is only stored", "zip -q -0 case.zip disk.img"],
    ["packed with bzip2", "zip -q -1 -Z bzip2 case.zip disk.img"],
    ["in the 64-bit form", "zip -q -1 -fz case.zip disk.img"],
    ["written as a stream, its sizes behind the bytes", "zip -q -1 - disk.img | cat > case.zip"],
    ["made of standard input", "zip -q -1 case.zip - < disk.img"],
    ["with a text beside the image", "zip -q -1 case.zip disk.img README.txt"],
    ["with the image in a folder", "zip -q -1 -r case.zip images"],
    ["with a comment", "echo PK | zip -q -1 -z case.zip disk.img"],
  ])("%s is imported", async (_what, line) => {
    shell(folder, `rm -f case.zip; ${line}`);
    expect(await imported("case.zip")).toMatchObject({
      id: sha256,
      sizeBytes: DISK_BYTES,
      source: { format: "zip" },
    });
  });

  test.each([
    ["of two images", "zip -q -1 case.zip disk.img other.img", "several disk images"],
    ["of no image", "cp README.txt two.txt; zip -q case.zip README.txt two.txt", "no disk image"],
    [
      "with a symbolic link",
      "ln -sf /etc/shadow link.img; zip -q --symlinks case.zip link.img",
      "symbolic link",
    ],
    ["that is encrypted", "zip -q -1 -P secret case.zip disk.img", "encrypted"],
    ["that is cut off", "zip -q -1 whole.zip disk.img; head -c 2000000 whole.zip > case.zip", "no end"],
    [
      "with an archive in it",
      "zip -q -1 inner.zip README.txt; zip -q -0 case.zip inner.zip",
      "inside the zip archive is a zip archive",
    ],
  ])("%s is refused with the reason", async (_what, line, reason) => {
    shell(folder, `rm -f case.zip whole.zip; ${line}`);
    expect(await refusal("case.zip")).toContain(reason);
  });

  test.each([
    "../disk.img",
    "/etc/disk.img",
    "a/../../disk.img",
    "..\\disk.img",
    "C:\\disk.img",
    "C:disk.img",
  ])("whose member is called %s is refused, and nothing is written there", async (name) => {
    writeFileSync(join(folder, "case.zip"), archive({ name, content: Buffer.from("x".repeat(1024)) }));
    expect(await refusal("case.zip")).toContain("leads out of its folder");
  });

  test.each([
    ["says less than there is", { says: 1024 }, "and that is not so"],
    ["says more than there is", { says: 10_000_000 }, "and that is not so"],
    ["has another checksum", { crc32: 1 }, "checksum"],
    ["says another name before the member", { localName: "other.img" }, "contradict"],
    ["reaches past its end", { packed: 1_000_000_000 }, "outside the file"],
    ["is packed in an unknown way", { method: 97 }, "method 97"],
  ])("that %s is refused with the reason", async (_what, change, reason) => {
    const content = Buffer.from("a disk ".repeat(1000));
    writeFileSync(join(folder, "case.zip"), archive({ name: "disk.img", content, ...change }));
    expect(await refusal("case.zip")).toContain(reason);
  });

  test("is imported when nothing is wrong with one that is made in the same way", async () => {
    const content = Buffer.from("a disk ".repeat(1000));
    writeFileSync(join(folder, "case.zip"), archive({ name: "disk.img", content }));
    expect(await imported("case.zip")).toMatchObject({ sizeBytes: 7168 });
  });
});

interface Made {
  readonly name: string;
  readonly content: Uint8Array;
  readonly says?: number;
  readonly packed?: number;
  readonly crc32?: number;
  readonly localName?: string;
  readonly method?: number;
}

/** An archive of one deflated member, which may lie about itself. */
function archive(made: Made): Buffer {
  const packed = zlib.deflateRawSync(made.content);
  const fields = Buffer.alloc(22);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(made.method ?? 8, 4);
  fields.writeUInt32LE(made.crc32 ?? zlib.crc32(made.content), 10);
  fields.writeUInt32LE(made.packed ?? packed.byteLength, 14);
  fields.writeUInt32LE(made.says ?? made.content.byteLength, 18);
  const header = (name: string): Buffer => {
    const lengths = Buffer.alloc(4);
    lengths.writeUInt16LE(Buffer.byteLength(name), 0);
    return Buffer.concat([fields, lengths]);
  };
  const localName = made.localName ?? made.name;
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), header(localName), Buffer.from(localName), packed]);
  const central = Buffer.concat([
    Buffer.from("PK\x01\x02"),
    Buffer.from([20, 0]),
    header(made.name),
    Buffer.alloc(14),
    Buffer.from(made.name),
  ]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.byteLength, 12);
  end.writeUInt32LE(local.byteLength, 16);
  return Buffer.concat([local, central, end]);
}
