/**
 * The bytes of an address from the first to the last, whatever happens to the connection: what came is kept in a part file,
 * and after a cut the rest is asked for by Range (RFC 9110, sections 13.1.5 and 14).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { cancelled, ImageError } from "../image-error.ts";
import { MAX_SOURCE_BYTES } from "../import/limits.ts";
import { readRange } from "../import/source/file-source.ts";
import { bodyOf, get, Interrupted, type Answer } from "./get.ts";
import type { FetchLimits } from "./limits.ts";
import type { PartFile, Validator } from "./part-file.ts";

export interface DownloadOptions {
  readonly url: URL;
  readonly part: PartFile;
  readonly limits: FetchLimits;
  /** Told how many bytes there are, and how many of them are still to come, before they do. Throws to refuse. */
  readonly onSize: (totalBytes: number, missingBytes: number) => void;
  /** Told why the connection is made anew. */
  readonly onRetry: (reason: string) => void;
  /** Ends it with "cancelled", also while it waits. */
  readonly signal?: AbortSignal | undefined;
}

/** Yields everything, what an earlier attempt left in the part first. Throws an `ImageError`. */
export async function* download(options: DownloadOptions): AsyncGenerator<Uint8Array> {
  yield* new Download(options).bytes();
}

/** Where nothing was reached and nothing is to be lost, the person is told soon. */
const NO_WAY_ATTEMPTS = 2;

class Download {
  readonly #options: DownloadOptions;
  /** Bytes in the part. */
  #have = 0;
  /** Of these, handed over already. */
  #yielded = 0;
  #validator: Validator = { tag: null, totalBytes: null };

  constructor(options: DownloadOptions) {
    this.#options = options;
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    const { part, limits, signal } = this.#options;
    const { sizeBytes, validator } = part.open();
    this.#have = sizeBytes;
    this.#validator = validator;
    try {
      let failures = 0;
      for (;;) {
        const before = this.#have;
        try {
          yield* this.#attempt();
          return;
        } catch (error) {
          if (signal?.aborted) throw cancelled();
          if (!(error instanceof Interrupted)) throw error;
          failures = this.#have > before ? 1 : failures + 1;
          const most = error.noWay && this.#have === 0 ? NO_WAY_ATTEMPTS : limits.attempts;
          if (failures >= most) throw this.#givenUp(error);
          this.#options.onRetry(error.message);
          await sleep(limits.retryMs * 2 ** (failures - 1), undefined, { signal }).catch(() => {
            throw cancelled();
          });
        }
      }
    } finally {
      part.close();
    }
  }

  async *#attempt(): AsyncGenerator<Uint8Array> {
    const { url, part, limits, signal } = this.#options;
    // Of a part that seems whole one byte is asked for again, so that the server says whether it still is.
    const last = (this.#validator.totalBytes ?? Number.POSITIVE_INFINITY) - 1;
    const from = Math.max(0, Math.min(this.#have, last));
    const answer = await get(url, this.#rangeHeaders(from), limits, signal);
    const at = this.#begin(answer, from);
    if (this.#yielded < at) {
      const known = this.#yielded;
      this.#yielded = at;
      yield* readRange(part.file, known, at - known);
    }
    yield* this.#body(answer, at);
    const { totalBytes } = this.#validator;
    if (totalBytes !== null && this.#have < totalBytes)
      throw new Interrupted(`the connection to ${url.host} was cut`);
  }

  #rangeHeaders(from: number): Record<string, string> {
    if (from === 0) return {};
    const { tag } = this.#validator;
    return { range: `bytes=${from}-`, ...(tag !== null && { "if-range": tag }) };
  }

  /** Judges the answer's head; returns the place in the file at which its body begins. */
  #begin(answer: Answer, from: number): number {
    const { response, abort } = answer;
    if (response.status === 416) {
      abort();
      this.#startOver();
      throw new Interrupted("the server has fewer bytes than it said");
    }
    const range = response.status === 206 ? contentRange(response) : undefined;
    if (response.status === 206 && (from === 0 || range?.from !== from || !this.#isSame(range.totalBytes))) {
      abort();
      throw new ImageError(
        "fetch-failed",
        "the server answers with another part of the file than it was asked for",
      );
    }
    if (!range) this.#forgetUnseen();
    const validator = validatorOf(response, range?.totalBytes);
    const { totalBytes } = validator;
    if (totalBytes !== null && totalBytes > MAX_SOURCE_BYTES) {
      abort();
      throw new ImageError("too-large", `the file is larger than ${MAX_SOURCE_BYTES / 2 ** 30} GiB`);
    }
    this.#validator = validator;
    this.#options.part.remember(validator);
    const at = range ? from : 0;
    if (totalBytes !== null) this.#options.onSize(totalBytes, totalBytes - Math.max(at, this.#yielded));
    return at;
  }

  async *#body(answer: Answer, at: number): AsyncGenerator<Uint8Array> {
    const { file } = this.#options.part;
    let offset = at;
    for await (const chunk of bodyOf(answer, this.#options.limits)) {
      // The server sends once more what was handed over already: it must be the same.
      const again = Math.min(chunk.byteLength, Math.max(0, this.#yielded - offset));
      if (again > 0) this.#compare(chunk.subarray(0, again), offset);
      offset += chunk.byteLength;
      const fresh = chunk.subarray(again);
      if (fresh.byteLength === 0) continue;
      if (offset > MAX_SOURCE_BYTES)
        throw new ImageError("too-large", `the file is larger than ${MAX_SOURCE_BYTES / 2 ** 30} GiB`);
      file.write(fresh, offset - fresh.byteLength);
      this.#have = offset;
      this.#yielded = offset;
      yield fresh;
    }
  }

  #compare(again: Uint8Array, offset: number): void {
    const before = new Uint8Array(again.byteLength);
    this.#options.part.file.readNow(before, offset);
    if (Buffer.compare(before, again) !== 0)
      throw new ImageError(
        "fetch-failed",
        "the file was changed on its server while it was fetched",
        "Fetch it again.",
      );
  }

  #isSame(totalBytes: number | null): boolean {
    const { totalBytes: before } = this.#validator;
    return before === null || totalBytes === null || before === totalBytes;
  }

  /** The server sends the file from its start: what an earlier run left and nobody has seen yet is not needed. */
  #forgetUnseen(): void {
    if (this.#yielded > 0) return;
    this.#options.part.file.truncate(0);
    this.#have = 0;
  }

  #startOver(): void {
    this.#validator = { tag: null, totalBytes: null };
    this.#forgetUnseen();
  }

  #givenUp(last: Interrupted): ImageError {
    const { totalBytes, tag } = this.#validator;
    if (this.#have === 0)
      return new ImageError("unreachable", last.message, "See whether this computer has a way there.", {
        cause: last,
      });
    const of = totalBytes === null ? "" : ` of ${totalBytes}`;
    return new ImageError(
      "unreachable",
      `${last.message}; ${this.#have}${of} bytes came`,
      tag === null ? "Run the same command again." : "Run the same command again: it goes on from there.",
      { cause: last },
    );
  }
}

function contentRange(
  response: Response,
): { readonly from: number; readonly totalBytes: number | null } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  if (!match) return undefined;
  return { from: Number(match[1]), totalBytes: match[2] === "*" ? null : Number(match[2]) };
}

/** A weak tag does not promise the same bytes; a date does, nearly. */
function validatorOf({ headers }: Response, rangeTotal: number | null | undefined): Validator {
  const etag = headers.get("etag");
  const tag = etag !== null && !etag.startsWith("W/") ? etag : headers.get("last-modified");
  const length = headers.get("content-length");
  const totalBytes = rangeTotal === undefined ? (length === null ? null : Number(length)) : rangeTotal;
  return { tag, totalBytes };
}
