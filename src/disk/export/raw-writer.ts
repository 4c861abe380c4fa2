import type { HostFile } from "../host/file.ts";
import type { ExportWriter } from "./writer.ts";
import { dataRuns } from "./zeros.ts";

/** A raw image: every byte at its place, zeros as holes. */
export class RawWriter implements ExportWriter {
  writtenBytes = 0;
  fileEnd = 0;

  constructor(
    private readonly file: HostFile,
    sizeBytes: number,
  ) {
    file.truncate(sizeBytes);
  }

  push(bytes: Buffer, offset: number): void {
    for (const { start, end } of dataRuns(bytes)) {
      this.file.write(bytes.subarray(start, end), offset + start);
      this.writtenBytes += end - start;
    }
    this.fileEnd = offset + bytes.byteLength;
  }

  finish(): void {
    // Everything is where it belongs already.
  }
}
