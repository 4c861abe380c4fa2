import { describe, expect, test } from "bun:test";
import { FatVolume } from "../../disk/fat/volume.ts";
import { readPartitionTable } from "../../disk/partitions.ts";
import type { ShimBundle } from "../bundle/bundle.ts";
import type { EepromChip } from "../eeprom/eeprom-image.ts";
import type { ShimVariant } from "../variants.ts";
import { ShimError } from "../support/shim-error.ts";
import { cardDisk } from "./card-disk.ts";
import { type CardOptions, cardFiles } from "./card-files.ts";
import { renderWifiFile } from "./wifi-file.ts";

const FILES: Record<string, Uint8Array> = {
  "Image.gz": new Uint8Array(5_000_000).fill(1),
  "overlays/dwc2.dtbo": new Uint8Array(400).fill(2),
};
const bundle: ShimBundle = {
  manifest: { format: 2, inputs: "", kernelRelease: "", files: [], sources: [] },
  tarPath: "/nowhere",
  paths: () => Object.keys(FILES),
  file: (path) => FILES[path],
};
const plain: CardOptions = {
  variant: "ethernet",
  usbDevice: false,
  server: undefined,
  wifi: undefined,
  pi3Otp: false,
  eeprom: undefined,
};

function overSpi(spiChips: readonly EepromChip[]): CardOptions["eeprom"] {
  return { bootOrder: "0xf21", files: new Map(), spiChips };
}

function textOf(options: Partial<CardOptions>, path: string): string {
  return new TextDecoder().decode(cardFiles(bundle, { ...plain, ...options }).get(path));
}

describe("the card's files", () => {
  test("are the boot tree's", () => {
    expect([...cardFiles(bundle, plain).keys()].toSorted()).toEqual([
      "Image.gz",
      "cmdline-pi5.txt",
      "cmdline.txt",
      "config.txt",
      "manifest.json",
      "overlays/dwc2.dtbo",
    ]);
  });

  test("name no server unless one is given, and then with its port", () => {
    expect(textOf({}, "cmdline.txt")).not.toContain("pinetboot.server");
    expect(textOf({ server: "10.0.0.2" }, "cmdline.txt")).toContain(" pinetboot.server=10.0.0.2:8069\n");
    expect(textOf({ server: "laptop.local:81" }, "cmdline-pi5.txt")).toContain(
      "pinetboot.server=laptop.local:81",
    );
    expect(textOf({ server: "[fd00::2]" }, "cmdline.txt")).toContain("pinetboot.server=[fd00::2]:8069");
  });

  test("have the kernel of their variant under the one name, and the other's nowhere", () => {
    const both = { "Image.gz": new Uint8Array(1), "Image-wifi.gz": new Uint8Array(2) };
    const row = { sizeBytes: 0, sha256: "", part: "kernel" } as const;
    const files = [
      { ...row, path: "Image.gz", variant: "ethernet" },
      { ...row, path: "Image-wifi.gz", variant: "wifi" },
    ] as const;
    const shim: ShimBundle = {
      ...bundle,
      manifest: { ...bundle.manifest, files: [...files] },
      paths: () => Object.keys(both),
      file: (path) => (path === "Image.gz" || path === "Image-wifi.gz" ? both[path] : undefined),
    };
    const onCard = (variant: ShimVariant) => cardFiles(shim, { ...plain, variant });
    expect(onCard("ethernet").get("Image.gz")).toHaveLength(1);
    expect(onCard("wifi").get("Image.gz")).toHaveLength(2);
    expect(onCard("wifi").has("Image-wifi.gz")).toBe(false);
  });

  test("make the USB-C port a disk's where that is asked for", () => {
    expect(textOf({}, "config.txt")).not.toContain("dwc2");
    expect(textOf({ usbDevice: true }, "config.txt")).toContain("dtoverlay=dwc2");
  });

  test("name the boot order that the shim is to set, beside its files", () => {
    const eeprom = { bootOrder: "0xf21", files: new Map([["eeprom/time", new Uint8Array(1)]]), spiChips: [] };
    expect(textOf({}, "cmdline.txt")).not.toContain("eeprom");
    expect(textOf({ eeprom }, "cmdline-pi5.txt")).toContain(" pinetboot.eeprom=0xf21\n");
    expect(cardFiles(bundle, { ...plain, eeprom }).has("eeprom/time")).toBe(true);
  });

  test.each(["", "a b", "a init=/bin/sh", "10.0.0.2:0", "10.0.0.2:99999", "http://a"])(
    "take no %j for a server",
    (server) => {
      expect(() => cardFiles(bundle, { ...plain, server })).toThrow(ShimError);
    },
  );

  test("have the flash chip of the boards that flashrom is to write, and flashrom, for one start", () => {
    const withPack: ShimBundle = {
      ...bundle,
      file: (path) => (path === "eeprom-spi.cpio.xz" ? new Uint8Array([7]) : FILES[path]),
    };
    const files = cardFiles(withPack, { ...plain, eeprom: overSpi(["2711", "2712"]) });
    expect(files.get("eeprom/spi.cpio.xz")).toEqual(new Uint8Array([7]));
    const config = new TextDecoder().decode(files.get("config.txt"));
    expect(config).toMatch(/\n\[pi4\]\n#[^\n]*\ndtoverlay=eeprom-spi\n\n\[all\]\n/);
    expect(config).toMatch(/\n\[pi5\]\n#[^\n]*\ndtoverlay=eeprom-spi-pi5\n\n\[all\]\n$/);
    const official = cardFiles(withPack, { ...plain, eeprom: overSpi([]) });
    expect(official.has("eeprom/spi.cpio.xz")).toBe(false);
    expect(new TextDecoder().decode(official.get("config.txt"))).not.toContain("eeprom-spi");
    expect(() => cardFiles(bundle, { ...plain, eeprom: overSpi(["2712"]) })).toThrow(/over SPI/);
  });

  test("have the line that sets a Pi 3's bit when that is asked for, in its section alone", () => {
    expect(textOf({}, "config.txt")).not.toContain("program_usb_boot_mode");
    const config = textOf({ pi3Otp: true }, "config.txt");
    expect(config).toMatch(/\n\[pi3\]\n#[^\n]*\nprogram_usb_boot_mode=1\n\n\[all\]\n$/);
  });
});

describe("the card", () => {
  test("has one FAT32 at 4 MiB with everything on it, and room", async () => {
    const disk = cardDisk(cardFiles(bundle, plain));
    const { scheme, entries } = await readPartitionTable(disk);
    expect(scheme).toBe("mbr");
    expect(entries).toEqual([
      { number: 1, offsetBytes: 4 * 2 ** 20, sizeBytes: 64 * 2 ** 20, type: "FAT32" },
    ]);
    const volume = await FatVolume.open(disk, 4 * 2 ** 20, 64 * 2 ** 20);
    expect(await volume.read("overlays/DWC2.dtbo")).toEqual(FILES["overlays/dwc2.dtbo"] ?? new Uint8Array());
  });

  test("is the same for the same files, and another disk for others", async () => {
    const first = await headOf(cardFiles(bundle, plain));
    expect(await headOf(new Map([...cardFiles(bundle, plain)].toReversed()))).toEqual(first);
    expect(await headOf(cardFiles(bundle, { ...plain, server: "10.0.0.2" }))).not.toEqual(first);
  });

  test("grows with what is to lie on it", () => {
    expect(cardDisk(new Map([["big.bin", new Uint8Array(70 * 2 ** 20)]])).sizeBytes).toBe(92 * 2 ** 20);
  });
});

async function headOf(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const disk = cardDisk(files);
  const bytes = new Uint8Array(disk.sizeBytes);
  await disk.read(bytes, 0);
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

describe("the WiFi file", () => {
  test("holds any name, and the password as it is", () => {
    const file = renderWifiFile({ ssid: 'Café "5G"', psk: 'a"b#c d\\e', country: "de" });
    expect(file).toContain("country=DE\n");
    expect(file).toContain("    ssid=436166c3a92022354722\n");
    expect(file).toContain('    psk="a"b#c d\\e"\n');
  });

  test("takes 64 hex digits for the key itself, and no password for an open network", () => {
    const key = "0123456789abcdef".repeat(4);
    expect(renderWifiFile({ ssid: "a", psk: key, country: undefined })).toContain(`psk=${key}\n`);
    expect(renderWifiFile({ ssid: "a", psk: undefined, country: undefined })).toContain("key_mgmt=NONE");
  });

  test.each([
    { ssid: "", psk: "12345678", country: undefined },
    { ssid: "a".repeat(33), psk: "12345678", country: undefined },
    { ssid: "a", psk: "1234567", country: undefined },
    { ssid: "a", psk: "12345678\n}", country: undefined },
    { ssid: "a", psk: "12345678", country: "DEU" },
  ])("refuses %j", (network) => {
    expect(() => renderWifiFile(network)).toThrow(ShimError);
  });
});
