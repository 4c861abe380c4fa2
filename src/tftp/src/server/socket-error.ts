/**
 * The error of a handler of Bun.udpSocket. Bun 1.4.5 hands the error alone, where its types have the socket
 * first. Faults that a `data` handler throws come the same way; `code` tells the system's errors from them.
 */
export function socketError(given: readonly unknown[]): { code: string | undefined; message: string } {
  const error = given.at(-1);
  return { code: codeOf(error), message: messageOf(error) };
}

/** The system's name of an error (EADDRINUSE ...), if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** The words of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
