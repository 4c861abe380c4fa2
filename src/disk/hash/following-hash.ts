/**
 * Hashes a file while it is written, on a thread of its own that reads what was written: the sum of a disk takes longer than
 * copying it. The thread is asked for when there is enough to hash, so that a small file needs none.
 */
import { DiskError } from "../disk-error.ts";
import { openHostFile } from "../host/file.ts";
import { type ContentSums, FileSums } from "./file-sums.ts";
import type { FromHasher, ToHasher } from "./messages.ts";

/** Written before a thread is worth its start. */
const THREAD_FROM_BYTES = 8 * 2 ** 20;
/** The thread is told of what was written in steps of this size. */
const STEP_BYTES = 4 * 2 ** 20;
/** The writer waits when it is further ahead: what is to be hashed should still be in memory. */
const AHEAD_BYTES = 256 * 2 ** 20;

export class FollowingHash {
  #port: MessagePort | undefined;
  #told = 0;
  #hashed = 0;
  #failure: DiskError | undefined;
  #sums: ContentSums | undefined;
  #isClosed = false;
  #onMessage: (() => void) | undefined;

  /**
   * @param path of the file, which is there
   * @param openThread gives the way to a thread that runs `worker.ts`; without it everything is hashed at the end, here
   */
  constructor(
    private readonly path: string,
    private readonly openThread?: () => Promise<MessagePort>,
  ) {}

  /** Everything before `offset` is written and will not change. Waits when the hash is far behind. Throws a `DiskError`. */
  async reached(offset: number): Promise<void> {
    if (!this.openThread || offset < THREAD_FROM_BYTES || offset - this.#told < STEP_BYTES) return;
    const port = (this.#port ??= await this.#start(this.openThread));
    tell(port, { type: "reached", offset });
    this.#told = offset;
    await this.#until(() => offset - this.#hashed <= AHEAD_BYTES);
  }

  /** The sums of the whole file: `contentBytes` of it, and zeros up to `sizeBytes`. Throws a `DiskError`. */
  async digest(contentBytes: number, sizeBytes: number): Promise<ContentSums> {
    if (!this.#port) return this.#digestHere(contentBytes, sizeBytes);
    tell(this.#port, { type: "digest", contentBytes, sizeBytes });
    await this.#until(() => this.#sums !== undefined);
    if (this.#sums) return this.#sums;
    throw new DiskError("EIO", `${this.path}: it could not be hashed`);
  }

  /** The thread has the file open until then. The caller ends it, and calls this before in any case. */
  async close(): Promise<void> {
    if (!this.#port) return;
    tell(this.#port, { type: "close" });
    while (!this.#isClosed) await this.#message();
  }

  async #until(isSo: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failure) throw this.#failure;
      if (isSo()) return;
      await this.#message();
    }
  }

  #message(): Promise<void> {
    return new Promise((resolve) => {
      this.#onMessage = resolve;
    });
  }

  async #start(openThread: () => Promise<MessagePort>): Promise<MessagePort> {
    const port = await openThread();
    port.addEventListener("message", ({ data }: MessageEvent<FromHasher>) => {
      switch (data.type) {
        case "hashed":
          this.#hashed = data.offset;
          break;
        case "digest":
          this.#sums = { sha256: data.sha256, contentSha256: data.contentSha256 };
          break;
        case "closed":
          this.#isClosed = true;
          break;
        case "failed":
          this.#failure = new DiskError(data.code, data.message);
      }
      this.#onMessage?.();
    });
    port.start();
    tell(port, { type: "file", path: this.path });
    return port;
  }

  #digestHere(contentBytes: number, sizeBytes: number): ContentSums {
    const file = openHostFile(this.path, "read-only");
    try {
      return new FileSums(file).digest(contentBytes, sizeBytes);
    } finally {
      file.close();
    }
  }
}

function tell(port: MessagePort, message: ToHasher): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin, a window has
  port.postMessage(message);
}
