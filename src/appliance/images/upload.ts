/** The bytes of an upload on their way into an import: nothing is kept in memory, and a cut connection can be continued. */
import { ApplianceError } from "../errors.ts";

/** An upload that nobody continues is given up. */
export const UPLOAD_IDLE_MS = 10 * 60 * 1000;

export class Upload {
  /** What the import reads. */
  readonly stream: ReadableStream<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #onIdle: () => void;
  #receivedBytes = 0;
  #taking = false;
  #ended = false;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param sizeBytes how many bytes will come; without it they end with the first body that ends cleanly
   * @param onIdle called when nothing came for `UPLOAD_IDLE_MS`
   */
  constructor(
    private readonly sizeBytes: number | undefined,
    onIdle: () => void,
  ) {
    // One chunk at a time: a sender that is faster than the disk waits.
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.stream = readable;
    this.#writer = writable.getWriter();
    // An import that fails closes the stream; whoever writes next hears of it.
    this.#writer.closed.catch(() => undefined);
    this.#onIdle = onIdle;
    this.#wait();
  }

  /** Where the next body must begin. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /**
   * Takes one body, which begins at `offset`. Throws "in-use" while another is being taken, "bad-request" for another
   * offset than the next or too many bytes, and the connection's error when it is cut: then the rest may come later.
   */
  async take(body: ReadableStream<Uint8Array>, offset: number | undefined): Promise<void> {
    if (this.#taking || this.#ended)
      throw new ApplianceError(
        "in-use",
        this.#ended ? "This upload is complete" : "This upload is being sent already",
      );
    if ((offset ?? 0) !== this.#receivedBytes)
      throw new ApplianceError(
        "bad-request",
        `The upload has ${this.#receivedBytes} bytes, and these begin at ${offset ?? 0}`,
        `Send the rest with the header Upload-Offset: ${this.#receivedBytes}`,
      );
    this.#taking = true;
    clearTimeout(this.#idle);
    try {
      for await (const chunk of body) {
        // The import takes the chunk away: its length is gone afterwards.
        const { byteLength } = chunk;
        if (this.sizeBytes !== undefined && this.#receivedBytes + byteLength > this.sizeBytes)
          throw new ApplianceError(
            "bad-request",
            `More than the ${this.sizeBytes} bytes that were announced came`,
          );
        await this.#writer.write(chunk);
        this.#receivedBytes += byteLength;
      }
      if (this.sizeBytes !== undefined && this.#receivedBytes < this.sizeBytes) return;
      this.#ended = true;
      await this.#writer.close();
    } finally {
      this.#taking = false;
      if (!this.#ended) this.#wait();
    }
  }

  /** Nothing more is wanted. */
  close(): void {
    clearTimeout(this.#idle);
    this.#ended = true;
  }

  #wait(): void {
    if (this.#ended) return;
    this.#idle = setTimeout(() => this.#onIdle(), UPLOAD_IDLE_MS);
    // An upload that nobody continues keeps no process alive.
    this.#idle.unref();
  }
}
