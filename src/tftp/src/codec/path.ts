/** The form that a file name of a request must have before anyone looks for it. */
import { TftpError } from "./error-code.ts";
import { MAX_PATH_BYTES } from "../limits.ts";

/**
 * Throws a `TftpError` for a name that is empty, too long, has control characters, or climbs with `..`.
 * Backslashes count as separators too: PXE clients of Windows use them. Nothing is rewritten: which of
 * `a//b`, `/a/b` and `a/b` are the same is for the owner of the files to say.
 */
export function checkPath(path: string): void {
  if (path === "") throw new TftpError("illegal-operation", "the file name is empty");
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new TftpError("access-violation", `the file name is longer than ${MAX_PATH_BYTES} bytes`);
  if (hasControlCharacter(path))
    throw new TftpError("access-violation", "the file name has a control character in it");
  if (path.split(/[/\\]/).includes(".."))
    throw new TftpError("access-violation", "the file name climbs out with ..");
}

function hasControlCharacter(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
