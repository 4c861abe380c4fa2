import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { CONF_2711, makeEeprom } from "../../../test/support/eeprom-maker.ts";
import { ShimError } from "../support/shim-error.ts";
import {
  bootconfGet,
  bootconfSet,
  checkBootOrder,
  NETCONSOLE_MAX_CHARS,
  netconsoleFrom,
} from "./bootconf.ts";
import { EepromImage, FILE_MAX_BYTES } from "./eeprom-image.ts";
import { firmwareFor, readFirmwareFolder } from "./firmware-folder.ts";
import { renderSignature, signatureTime } from "./signature.ts";
import { makeEepromUpdate } from "./update.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("an EEPROM image", () => {
  test("shows its sections, files by name, and which chip it is for", () => {
    const image = EepromImage.parse(makeEeprom({ files: { "pubkey.bin": new Uint8Array(0) } }));
    expect(image.chip).toBe("2711");
    expect(image.sections.map(({ kind, name }) => name || kind)).toEqual([
      "code",
      "code",
      "padding",
      "pubkey.bin",
      "padding",
      "bootconf.txt",
    ]);
    expect(image.bootconf()).toBe(CONF_2711);
    expect(EepromImage.parse(makeEeprom({ sizeBytes: 2 * 1024 * 1024 })).chip).toBe("2712");
  });

  test("takes another file in, and is otherwise the same", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: FILE_MAX_BYTES - 4 }), fc.boolean(), (content, behind) => {
        const before = makeEeprom({ behind });
        const first = EepromImage.parse(before);
        const after = first.withFile("bootconf.txt", content);
        expect(Buffer.compare(after.file("bootconf.txt") ?? encode("none"), content)).toBe(0);
        const { offset, sizeBytes } = first.slot("bootconf.txt");
        const outside = (bytes: Uint8Array): Buffer =>
          Buffer.concat([bytes.subarray(0, offset), bytes.subarray(offset + sizeBytes)]);
        expect(outside(after.bytes).equals(outside(before))).toBe(true);
        expect(after.bytes.subarray(offset + 8, offset + 24)).toEqual(
          before.subarray(offset + 8, offset + 24),
        );
        expect(after.file("cacert.der")).toEqual(first.file("cacert.der"));
        expect(Buffer.compare(after.withFile("bootconf.txt", encode(CONF_2711)).bytes, before)).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  test("takes in what fills its sector to the last byte, and nothing longer", () => {
    const image = EepromImage.parse(makeEeprom({ behind: true }));
    for (const length of [4072, 4071, 4064, 4065, 4060])
      expect(
        image.withFile("bootconf.txt", new Uint8Array(length).fill(65)).file("cacert.der"),
      ).toBeDefined();
    expect(() => image.withFile("bootconf.txt", new Uint8Array(4073))).toThrow("and 4072 fit");
    expect(() =>
      EepromImage.parse(makeEeprom()).withFile("bootconf.txt", new Uint8Array(FILE_MAX_BYTES + 1)),
    ).toThrow(ShimError);
    expect(() => image.withFile("other.txt", new Uint8Array(1))).toThrow("has no other.txt");
  });

  test("that is damaged, cut, empty or something else is refused, whatever is in it", () => {
    const good = makeEeprom();
    const broken = (at: number, ...bytes: number[]): Uint8Array => {
      const copy = good.slice();
      copy.set(bytes, at);
      return copy;
    };
    expect(() => EepromImage.parse(good.subarray(1))).toThrow("512 KiB");
    expect(() => EepromImage.parse(broken(0, 0x12, 0x34))).toThrow("no section begins at 0");
    expect(() => EepromImage.parse(broken(4, 0x7f))).toThrow("leads out");
    expect(() => EepromImage.parse(new Uint8Array(512 * 1024).fill(0xff))).toThrow("empty");
    const { offset } = EepromImage.parse(good).slot("bootconf.txt");
    expect(() => EepromImage.parse(broken(offset + 4, 0, 0, 0, 3))).toThrow("no name");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(good.length - 64), (noise, at) => {
        try {
          EepromImage.parse(broken(at, ...noise));
        } catch (error) {
          expect(error).toBeInstanceOf(ShimError);
        }
      }),
      { numRuns: 50 },
    );
  });
});

/** Every line but those for K, and the section that may be added. */
function linesBeside(text: string): string[] {
  return text.split("\n").filter((one) => !/^\s*K\s*=|^\[all\]$|^$/.test(one));
}

describe("the bootloader's settings", () => {
  const text =
    "BOOT_UART=1\r\nBOOT_ORDER=0x1\r\n[gpio7=0]\r\nBOOT_ORDER=0x3\r\n[all]\r\n# words\r\nBOOT_ORDER = 0xf41\r\nX=1";

  test("are those that hold always, the last of each", () => {
    expect(bootconfGet(text, "BOOT_ORDER")).toBe("0xf41");
    expect(bootconfGet(text, "BOOT_UART")).toBe("1");
    expect(bootconfGet("[gpio7=0]\nA=1\n", "A")).toBeUndefined();
    expect(bootconfGet(text, "BOOT")).toBeUndefined();
  });

  test("are changed in their place, and nothing else is", () => {
    expect(bootconfSet(text, "BOOT_ORDER", "0xf21")).toBe(
      text.replace("BOOT_ORDER = 0xf41", "BOOT_ORDER=0xf21"),
    );
    expect(bootconfSet("[gpio7=0]\nA=1", "B", "2")).toBe("[gpio7=0]\nA=1\n[all]\nB=2\n");
    expect(bootconfSet("", "B", "2")).toBe("B=2\n");
    expect(bootconfSet("[all]\nA=1\nB=2\n", "A", undefined)).toBe("[all]\nB=2\n");
  });

  test("keep every other line, and have the new value, whatever the text is", () => {
    const line = fc.oneof(
      fc.constantFrom("[all]", "[gpio4=1]", "[pi5]", "", "# a", "K=1", "K=2\r", " K = 3"),
      fc.string({ maxLength: 12 }).filter((word) => !/[\n\r]/.test(word)),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const before = lines.join("\n");
        const after = bootconfSet(before, "K", "9");
        expect(bootconfGet(after, "K")).toBe("9");
        expect(linesBeside(after)).toEqual(linesBeside(before));
        expect(bootconfSet(after, "K", "9")).toBe(after);
        expect(bootconfGet(bootconfSet(after, "K", undefined), "K")).toBeUndefined();
      }),
    );
  });

  test("take no order that the bootloader would not know", () => {
    for (const order of ["0xf21", "0xf461", "0xF21", "0x2"]) checkBootOrder(order);
    for (const order of ["f21", "0x", "0xf81", "0x123456789", "0xf21\nX=1", ""])
      expect(() => checkBootOrder(order), order).toThrow(ShimError);
  });

  test("have room for NETCONSOLE from any address", () => {
    expect(netconsoleFrom("169.254.255.255").length).toBeLessThanOrEqual(NETCONSOLE_MAX_CHARS);
  });
});

describe("an update", () => {
  const image = EepromImage.parse(makeEeprom());
  const wishes = { bootOrder: "0xf21", netconsole: undefined };

  test("has the order that is wanted and the image's other settings, and a signature like the official tool's", () => {
    const made = makeEepromUpdate(image, wishes, { current: undefined, seconds: 1_700_000_000 });
    expect(EepromImage.parse(made.image).bootconf()).toBe(CONF_2711.replace("0xf41", "0xf21"));
    const digest = new Bun.CryptoHasher("sha256").update(made.image).digest("hex");
    expect(made.signature).toBe(`${digest}\nts: 1700000000\n`);
  });

  test("keeps the settings that the Pi has now, when they are known", () => {
    const current = "[all]\nPCIE_PROBE=1\nBOOT_ORDER=0xf461\nNETCONSOLE=@169.254.1.1/,@/\n";
    const made = makeEepromUpdate(image, { ...wishes, netconsole: null }, { current, seconds: 1 });
    expect(made.bootconf).toBe("[all]\nPCIE_PROBE=1\nBOOT_ORDER=0xf21\n");
  });

  test("is refused for an image that is signed for secure boot", () => {
    const key = new Uint8Array(264).fill(7);
    const signed = EepromImage.parse(makeEeprom({ files: { "pubkey.bin": key } }));
    expect(() => makeEepromUpdate(signed, wishes, { current: undefined, seconds: 1 })).toThrow(
      "signed for secure boot",
    );
  });

  test("says the time that SOURCE_DATE_EPOCH says", () => {
    expect(signatureTime({ SOURCE_DATE_EPOCH: "1700000000" })).toBe(1_700_000_000);
    expect(signatureTime({ SOURCE_DATE_EPOCH: "soon" })).toBeGreaterThan(1_700_000_000);
    expect(renderSignature(new Uint8Array(0), 5)).toEndWith("\nts: 5\n");
  });
});

function folderWith(files: Record<string, Uint8Array>): string {
  const folder = mkdtempSync(join(tmpdir(), "pinetboot-firmware-"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

describe("Raspberry Pi's files in the data folder", () => {
  test("are found in it or by chip, the newest image of each, one named plainly first", async () => {
    const folder = folderWith({
      "pieeprom.bin": makeEeprom({ bootconf: "chosen" }),
      "pieeprom-2026-09-23.bin": makeEeprom({ bootconf: "dated" }),
      "2712/pieeprom-2025-01-02.bin": makeEeprom({ sizeBytes: 2 ** 21, bootconf: "old" }),
      "2712/pieeprom-2026-09-25.bin": makeEeprom({ sizeBytes: 2 ** 21, bootconf: "new" }),
      "2712/recovery.bin": encode("program"),
    });
    const found = await readFirmwareFolder(folder);
    expect(found.get("2711")?.image.bootconf()).toBe("chosen");
    expect(found.get("2711")?.recovery).toBeUndefined();
    expect(found.get("2712")?.image.bootconf()).toBe("new");
    expect(found.get("2712")?.recovery).toBeDefined();
    rmSync(folder, { recursive: true });
  });

  test("that are missing are asked for with the place where they are to be had", async () => {
    const folder = join(tmpdir(), "pinetboot-no-such-folder");
    const error = await firmwareFor(folder, "2712").catch((thrown: unknown) => thrown);
    const { code, fix } = error instanceof ShimError ? error : { code: "", fix: "" };
    expect(code).toBe("no-firmware");
    expect(fix).toContain("firmware-2712/default");
    expect(fix).toContain(join(folder, "2712"));
  });

  test("in the other chip's folder are refused", async () => {
    const folder = folderWith({ "2712/pieeprom.bin": makeEeprom() });
    expect(readFirmwareFolder(folder)).rejects.toThrow("for the chip 2711");
    rmSync(folder, { recursive: true });
  });
});
