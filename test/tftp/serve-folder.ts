/** A program for the lab: serves a folder's files by tftp-ts on port 69, and prints its events as JSON lines. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createTftpServer, TftpError } from "tftp-ts";

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("which folder?");

/** Each file is read once: the fifty clients of a test share its bytes. */
const files = new Map<string, Uint8Array>();

function open(name: string): Uint8Array | TftpError {
  const known = files.get(name);
  if (known) return known;
  const entry = statSync(join(folder ?? "", name), { throwIfNoEntry: false });
  if (!entry) return new TftpError("file-not-found", `there is no ${name}`);
  if (!entry.isFile()) return new TftpError("access-violation", `${name} is a folder`);
  const bytes = new Uint8Array(readFileSync(join(folder ?? "", name)));
  files.set(name, bytes);
  return bytes;
}

await createTftpServer({
  open: ({ path }) => open(path),
  onEvent: (event) => console.log(JSON.stringify(event)),
});
