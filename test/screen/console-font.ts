/** Reads text back from a picture of the Linux console, by the font that lies in the kernel itself. */
import { gunzipSync } from "node:zlib";
import type { Picture } from "./picture.ts";

const WIDTH = 8;
const HEIGHT = 16;
const GLYPHS = 256;
/** Code page 437, which the font's glyphs are in, where it differs from ASCII and a boot screen may use it. */
const FULL_BLOCK = 0xdb;
/** The capital A of the kernel's 8x16 font: its place tells where the font lies. */
const CAPITAL_A = Buffer.from("000010386cc6c6fec6c6c6c600000000", "hex");
/** The brightest background of a console. */
const GREY = 0xaaaaaa;

/** Glyph by its dots. */
export type ConsoleFont = ReadonlyMap<string, string>;

/** Finds the font in a kernel's Image.gz. Throws when there is none. */
export function fontOfKernel(imageGz: Uint8Array): ConsoleFont {
  const kernel = gunzipSync(imageGz);
  for (let at = kernel.indexOf(CAPITAL_A); at >= 0; at = kernel.indexOf(CAPITAL_A, at + 1)) {
    const glyphs = kernel.subarray(at - 0x41 * HEIGHT, at + (GLYPHS - 0x41) * HEIGHT);
    const glyph = (code: number): string =>
      glyphs.subarray(code * HEIGHT, (code + 1) * HEIGHT).toString("hex");
    if (!/^f+$/.test(glyph(FULL_BLOCK)) || !/^0+$/.test(glyph(0x20))) continue;
    const printable = Array.from({ length: 0x7e - 0x20 }, (_, index) => 0x21 + index);
    return new Map(printable.map((code) => [glyph(code), String.fromCharCode(code)]));
  }
  throw new Error("this kernel has no 8x16 font");
}

/**
 * The console's rows of text; an empty cell on grey is a block, unless the whole row is a bar. `factor` is how many dots of
 * the screen a dot of the font is wide and high.
 */
export function consoleText(font: ConsoleFont, picture: Picture, factor: number): string[] {
  const columns = Math.floor(picture.width / (WIDTH * factor));
  const rows = Math.floor(picture.height / (HEIGHT * factor));
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) => characterAt(font, picture, factor, row, column))
      .join("")
      .trimEnd(),
  );
}

function characterAt(
  font: ConsoleFont,
  { width, pixels }: Picture,
  factor: number,
  row: number,
  column: number,
): string {
  const dot = (x: number, y: number): number =>
    pixels[(row * HEIGHT + y) * factor * width + (column * WIDTH + x) * factor] ?? 0;
  const background = dot(0, 0);
  let isUniform = true;
  const lines = Buffer.alloc(HEIGHT);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++)
      if (dot(x, y) !== background) {
        isUniform = false;
        lines[y] = (lines[y] ?? 0) | (0x80 >> x);
      }
  const isBar = pixels[row * HEIGHT * factor * width] === GREY;
  if (isUniform) return background === GREY && !isBar ? "█" : " ";
  // A glyph that fills its corner looks inverted.
  return font.get(lines.toString("hex")) ?? font.get(inverted(lines)) ?? "?";
}

function inverted(lines: Buffer): string {
  return Buffer.from(lines.map((line) => ~line & 0xff)).toString("hex");
}
