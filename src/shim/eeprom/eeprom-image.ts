/**
 * The bootloader's EEPROM of a Pi 4 (512 KiB) or Pi 5 (2 MiB), as Raspberry Pi publishes it in pieeprom.bin: sections
 * one after another, numbers big-endian, each beginning at a multiple of 8.
 *
 *   | magic u32 | length u32 | length bytes |      code, or padding (magic 0x55aafeef)
 *   | magic u32 | length u32 | name, 12 bytes | 4 bytes | content |      a file (magic 0x55aaf11f); length = content + 16
 *
 * A magic of 0 or of all ones ends them. The last 4 KiB are the bootloader's own and stay untouched.
 */
import { ShimError } from "../support/shim-error.ts";

export const CHIPS = ["2711", "2712"] as const;
export type EepromChip = (typeof CHIPS)[number];

const CHIP_OF_SIZE = new Map<number, EepromChip>([
  [512 * 1024, "2711"],
  [2 * 1024 * 1024, "2712"],
]);

const MAGIC = 0x55aaf00f;
const MAGIC_MASK = 0xfffff00f;
const FILE_MAGIC = 0x55aaf11f;
const PAD_MAGIC = 0x55aafeef;
const ERASED = 0xffffffff;
const HEADER_BYTES = 8;
const NAME_BYTES = 12;
/** From a file's beginning to its content: header, name, and four bytes that are kept as they are. */
const CONTENT_AT = HEADER_BYTES + NAME_BYTES + 4;
const ALIGN_BYTES = 8;
/** One erasable sector of the chip, and the bootloader's scratch page at the end. */
const SECTOR_BYTES = 4096;
/** A file that can be changed has a sector to itself, less its header as the official tool counts it. */
export const FILE_MAX_BYTES = SECTOR_BYTES - 20;

export const BOOTCONF = "bootconf.txt";
const PUBLIC_KEY = "pubkey.bin";

export interface EepromSection {
  readonly offset: number;
  readonly kind: "file" | "padding" | "code";
  readonly magic: number;
  /** Without the header. */
  readonly lengthBytes: number;
  /** Of a file, without the zeros behind it. */
  readonly name: string;
}

/** Where a file's sector lies, for whoever writes it without this program. */
export interface FileSlot {
  readonly offset: number;
  /** Header, content and everything up to the next section that means something. */
  readonly sizeBytes: number;
  /** Nothing follows it, so that no padding section is needed behind it. */
  readonly isLast: boolean;
}

export class EepromImage {
  readonly bytes: Uint8Array;
  readonly chip: EepromChip;
  readonly sections: readonly EepromSection[];

  private constructor(bytes: Uint8Array, chip: EepromChip, sections: readonly EepromSection[]) {
    this.bytes = bytes;
    this.chip = chip;
    this.sections = sections;
  }

  /** Reads an image; its bytes are not copied. Throws ShimError "bad-eeprom" for one that is damaged or no image. */
  static parse(bytes: Uint8Array): EepromImage {
    const chip = CHIP_OF_SIZE.get(bytes.length);
    if (!chip)
      throw bad(
        `an EEPROM image has 512 KiB (Pi 4) or 2 MiB (Pi 5), and this file has ${bytes.length} bytes`,
      );
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sections: EepromSection[] = [];
    for (let offset = 0; offset + HEADER_BYTES <= bytes.length;) {
      const magic = view.getUint32(offset);
      if (magic === 0 || magic === ERASED) break;
      const lengthBytes = view.getUint32(offset + 4);
      if ((magic & MAGIC_MASK) >>> 0 !== MAGIC) throw bad(`it is damaged: no section begins at ${offset}`);
      if (offset + HEADER_BYTES + lengthBytes > bytes.length)
        throw bad(`it is damaged: the section at ${offset} leads out of it`);
      const kind = magic === FILE_MAGIC ? "file" : magic === PAD_MAGIC ? "padding" : "code";
      if (kind === "file" && lengthBytes < CONTENT_AT - HEADER_BYTES)
        throw bad(`it is damaged: the file at ${offset} has no name`);
      const name = kind === "file" ? nameAt(bytes, offset) : "";
      sections.push({ offset, kind, magic, lengthBytes, name });
      offset = aligned(offset + HEADER_BYTES + lengthBytes);
    }
    if (sections.length === 0) throw bad("it is empty");
    return new EepromImage(bytes, chip, sections);
  }

  /** A file's content, or undefined. */
  file(name: string): Uint8Array | undefined {
    const section = this.#section(name);
    if (!section) return undefined;
    const end = section.offset + HEADER_BYTES + section.lengthBytes;
    return this.bytes.subarray(section.offset + CONTENT_AT, end);
  }

  /** bootconf.txt as text. Throws "bad-eeprom" when the image has none. */
  bootconf(): string {
    const content = this.file(BOOTCONF);
    if (!content) throw bad(`it has no ${BOOTCONF}`);
    return new TextDecoder().decode(content);
  }

  /** Whether it is signed for secure boot: a change of bootconf.txt would make it useless. */
  get isSigned(): boolean {
    return this.file(PUBLIC_KEY)?.some((byte) => byte !== 0 && byte !== 0xff) ?? false;
  }

  /** Where a file's sector lies. Throws "bad-eeprom" when there is none of that name. */
  slot(name: string): FileSlot {
    const section = this.#section(name);
    if (!section) throw bad(`it has no ${name}`);
    const index = this.sections.indexOf(section);
    const next = this.sections.slice(index + 1).find(({ kind }) => kind !== "padding");
    const end = next?.offset ?? this.bytes.length - SECTOR_BYTES;
    if (end < section.offset + CONTENT_AT) throw bad(`it is damaged: ${name} lies in the last sector`);
    return {
      offset: section.offset,
      sizeBytes: end - section.offset,
      isLast: index === this.sections.length - 1,
    };
  }

  /** Another image with that content of a file. Throws "bad-eeprom" when it is not there, or has no room. */
  withFile(name: string, content: Uint8Array): EepromImage {
    const { offset, sizeBytes, isLast } = this.slot(name);
    if (content.length > FILE_MAX_BYTES || CONTENT_AT + content.length > sizeBytes)
      throw bad(
        `${name} would have ${content.length} bytes, and ${Math.min(FILE_MAX_BYTES, sizeBytes - CONTENT_AT)} fit`,
      );
    const bytes = this.bytes.slice();
    const view = new DataView(bytes.buffer);
    view.setUint32(offset + 4, content.length + CONTENT_AT - HEADER_BYTES);
    bytes.set(content, offset + CONTENT_AT);
    const end = offset + sizeBytes;
    // Erased flash is all ones.
    bytes.fill(0xff, offset + CONTENT_AT + content.length, end);
    const padding = aligned(offset + CONTENT_AT + content.length);
    if (!isLast && end - padding >= HEADER_BYTES) {
      view.setUint32(padding, PAD_MAGIC);
      view.setUint32(padding + 4, end - padding - HEADER_BYTES);
    }
    return EepromImage.parse(bytes);
  }

  #section(name: string): EepromSection | undefined {
    return this.sections.find((section) => section.kind === "file" && section.name === name);
  }
}

function nameAt(bytes: Uint8Array, offset: number): string {
  const raw = bytes.subarray(offset + HEADER_BYTES, offset + HEADER_BYTES + NAME_BYTES);
  return Buffer.from(raw).toString("latin1").replaceAll("\0", "");
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGN_BYTES) * ALIGN_BYTES;
}

function bad(why: string): ShimError {
  return new ShimError(
    "bad-eeprom",
    `The EEPROM image cannot be used: ${why}`,
    "Take a fresh pieeprom-DATE.bin from Raspberry Pi's rpi-eeprom repository.",
  );
}
