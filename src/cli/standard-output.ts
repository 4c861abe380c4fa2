/** Writing to standard output so that what becomes of it is known: whoever read it may have gone. */
import { ApplianceError, errnoOf, wordsOf } from "../appliance/index.ts";

/** 128 and the number of SIGPIPE: what shells show of a program whose reader went away, like `yes | head -1`. */
const PIPE_CLOSED = 141;

/** Nobody reads any more: no failure of ours, and nothing to tell anybody. */
export class ReaderGone extends Error {
  readonly exitStatus = PIPE_CLOSED;
}

/** Resolves when it was taken. Throws ReaderGone when nobody reads any more, else in words. */
export async function writeOut(piece: string | Uint8Array): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  } catch (error) {
    if (errnoOf(error) === "EPIPE") throw new ReaderGone();
    throw new ApplianceError(
      errnoOf(error) === "ENOSPC" ? "no-space" : "not-permitted",
      `The standard output cannot be written: ${wordsOf(error)}`,
      "Send it somewhere else.",
      { cause: error },
    );
  }
}
