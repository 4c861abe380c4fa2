/**
 * netascii, the text of a telnet terminal (RFC 1350 section 1, RFC 764): a newline travels as CR LF and a lone
 * CR as CR NUL. tftp-hpa asks for it when it is not told otherwise. It is encoded while it is sent: only where
 * each of the latest blocks begins is kept.
 */
import type { TftpFile } from "../api.ts";
import { MAX_WINDOW_BLOCKS } from "../limits.ts";
import { asSlices, type Content } from "./content.ts";

const LF = 0x0a;
const CR = 0x0d;
const NUL = 0x00;

/** Enough for any step back within a window. */
const KEPT_STARTS = 2 * MAX_WINDOW_BLOCKS;

/** Where a block begins: at a byte of the file, after the second half of a pair that its predecessor cut. */
interface Start {
  readonly offset: number;
  readonly cut: number | undefined;
}

export function netasciiContent(file: TftpFile): Content {
  const slices = asSlices(file);
  const starts = new Map<number, Start>([[1, { offset: 0, cut: undefined }]]);
  let scratch = new Uint8Array(0);

  return {
    sizeBytes: undefined,
    fill(block, target) {
      const start = starts.get(block);
      if (!start) throw new RangeError(`block ${block} is asked for out of order`);
      if (scratch.length < target.length) scratch = new Uint8Array(target.length);
      const raw = scratch.subarray(0, Math.min(target.length, slices.sizeBytes - start.offset));
      if (raw.length > 0) slices.read(start.offset, raw);

      let filled = 0;
      let taken = 0;
      let cut: number | undefined;
      if (start.cut !== undefined) target[filled++] = start.cut;
      while (filled < target.length && taken < raw.length) {
        const byte = raw[taken++] ?? NUL;
        const second = byte === LF ? LF : byte === CR ? NUL : undefined;
        target[filled++] = second === undefined ? byte : CR;
        if (second === undefined) continue;
        if (filled < target.length) target[filled++] = second;
        else cut = second;
      }
      starts.set(block + 1, { offset: start.offset + taken, cut });
      starts.delete(block - KEPT_STARTS);
      return filled;
    },
  };
}
