/** The picture on a screen, from the framebuffer's own bytes: as a PNG for people, and as text for tests. */
import { deflateSync } from "node:zlib";

/** 0xrrggbb, row by row from the top left. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;
}

/** Reads a framebuffer of the format that device trees call a8r8g8b8, without gaps between its lines. */
export function pictureOf(bytes: Uint8Array, width: number, height: number): Picture {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, width * height);
  return { width, height, pixels: words.map((word) => word & 0xffffff) };
}

/** Bits a pixel: a console has 16 colours. */
const DEPTH = 4;

/** A PNG with a palette. Throws RangeError for a picture of more than 16 colours. */
export function encodePng({ width, height, pixels }: Picture): Uint8Array {
  const palette = [...new Set(pixels)];
  if (palette.length > 1 << DEPTH) throw new RangeError(`${palette.length} colours`);
  const index = new Map(palette.map((colour, at) => [colour, at]));
  const lineBytes = 1 + Math.ceil((width * DEPTH) / 8);
  const lines = new Uint8Array(height * lineBytes);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const value = index.get(pixels[y * width + x] ?? 0) ?? 0;
      const at = y * lineBytes + 1 + (x >> 1);
      lines[at] = (lines[at] ?? 0) | (x % 2 === 0 ? value << DEPTH : value);
    }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([DEPTH, 3, 0, 0, 0], 8); // indexed colour; the only compression and filters there are; not interlaced
  const colours = Buffer.from(
    palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 0xff, colour & 0xff]),
  );
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    chunk("PLTE", colours),
    chunk("IDAT", deflateSync(lines, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  whole.set(body, 4);
  whole.writeUInt32BE(Bun.hash.crc32(body), body.length + 4);
  return whole;
}
