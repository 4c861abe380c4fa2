/** What puts an exported disk into its format. */
export interface ExportWriter {
  /** Bytes put into the file so far. */
  readonly writtenBytes: number;
  /** Everything written so far lies before this place in the file, and what comes next behind it. */
  readonly fileEnd: number;
  /** Takes content of the disk, in ascending order and in whole `COPY_BYTES` but at the end; what is left out is zeros. */
  push(bytes: Buffer, offset: number): void;
  /** Writes what comes last. */
  finish(): void;
}

/** Content is copied in pieces of this size, at multiples of it: large enough that calls cost nothing. */
export const COPY_BYTES = 1 << 20;
