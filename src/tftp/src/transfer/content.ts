/** A file as blocks, numbered from 1 and without wrapping. */
import type { TftpFile, TftpSlices } from "../api.ts";

export interface Content {
  /** Undefined when only the end will tell. */
  readonly sizeBytes: number | undefined;
  /**
   * Copies a block into `target`, whose length is the block size, and returns how many bytes it has:
   * fewer than the block size (0 too) in the last block. Blocks are asked for in order, but for steps back
   * within a window, and always with the same block size.
   */
  fill(block: number, target: Uint8Array): number;
}

/** The reader of a file threw. */
export class UnreadableError extends Error {
  override readonly name = "UnreadableError";

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The bytes as they are. */
export function octetContent(file: TftpFile): Content {
  const slices = asSlices(file);
  return {
    sizeBytes: slices.sizeBytes,
    fill(block, target) {
      const offset = (block - 1) * target.length;
      const length = Math.min(target.length, slices.sizeBytes - offset);
      if (length > 0) slices.read(offset, length < target.length ? target.subarray(0, length) : target);
      return Math.max(0, length);
    },
  };
}

/** Gives both forms of a file one face. Throws an UnreadableError when the size is no size. */
export function asSlices(file: TftpFile): TftpSlices {
  if (file instanceof Uint8Array) {
    // Copying out of a Buffer makes no view for each block.
    const source = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
    return {
      sizeBytes: file.length,
      read(offset, target) {
        source.copy(target, 0, offset, offset + target.length);
      },
    };
  }
  const { sizeBytes } = file;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
    throw new UnreadableError(`a file of ${sizeBytes} bytes cannot be sent`);
  return {
    sizeBytes,
    read(offset, target) {
      try {
        file.read(offset, target);
      } catch (error) {
        throw new UnreadableError(error);
      }
    },
  };
}
