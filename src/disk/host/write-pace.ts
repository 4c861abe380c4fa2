/** Keeps what a long copy has written and the disk does not have yet to a bound. */
import type { HostFile } from "./file.ts";

/**
 * Written bytes after which the disk is told to begin, and then waited for while the next so many are written: dirty pages
 * never fill the memory, the sync at the end is short, and the flushes of sessions on the same disk have little to wait for.
 */
const STEP_BYTES = 32 * 2 ** 20;

export class WritePace {
  #writtenAt = 0;
  #begun = { start: 0, end: 0 };

  constructor(private readonly file: HostFile) {}

  /**
   * @param writtenBytes put into the file so far
   * @param fileEnd everything written so far lies before this place, and what comes next behind it
   * @returns whether a step was full, so that the caller may look at the disk's room
   */
  keep(writtenBytes: number, fileEnd: number): boolean {
    if (writtenBytes - this.#writtenAt < STEP_BYTES) return false;
    this.#writtenAt = writtenBytes;
    const { start, end } = this.#begun;
    this.file.writeBack(end, fileEnd - end, false);
    if (end > start) this.file.writeBack(start, end - start, true);
    this.#begun = { start: end, end: fileEnd };
    return true;
  }
}
