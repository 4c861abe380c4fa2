/** Where the firmware's stages get their files: TFTP in the emulator, a table in tests. Every request is written down. */

export interface FileRequest {
  readonly loader: string;
  readonly path: string;
  readonly kind: "get" | "probe";
  readonly outcome: "sent" | "aborted" | "missing" | "silent" | "failed";
  readonly bytes: number;
  readonly detail?: string;
}

export interface FileSource {
  /** The whole file, or undefined when it is missing. Rejects with `FirmwareStop` when the boot ends here. */
  get(path: string): Promise<Uint8Array | undefined>;
  /** Asks, and stops at the answer: is the file there? */
  probe(path: string): Promise<boolean>;
}

/** The firmware gave up; its message is what a person would want to know. */
export class FirmwareStop extends Error {
  override readonly name = "FirmwareStop";
}

/** A look at a file followed by the whole of it, as most loaders do; undefined when it is missing. */
export async function probeAndGet(files: FileSource, path: string): Promise<Uint8Array | undefined> {
  return (await files.probe(path)) ? files.get(path) : undefined;
}

/** A file without which there is no boot. */
export async function mustGet(files: FileSource, path: string): Promise<Uint8Array> {
  const bytes = await probeAndGet(files, path);
  if (!bytes) throw new FirmwareStop(`${path} is missing`);
  return bytes;
}
