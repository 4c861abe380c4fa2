/**
 * What was fetched of an address so far, kept beside the library until the file is whole: after a cut, or a kill, the rest
 * is asked for. `<sha256 of the address>.part` holds the bytes, `.json` what the server said of them.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { bootId } from "../../disk/host/boot-id.ts";
import { openHostFile, type HostFile } from "../../disk/host/file.ts";

/** What the server said of the file, so that the rest is of the same one. */
export interface Validator {
  /** A strong ETag, or the date of the last change. */
  readonly tag: string | null;
  readonly totalBytes: number | null;
}

/** A part that nobody asked for again within a day is removed. */
export const PART_KEPT_MS = 24 * 60 * 60 * 1000;

export class PartFile {
  readonly path: string;
  readonly #record: string;
  #file: HostFile | undefined;

  /** @param url as it was given, password and all: only its hash is written down */
  constructor(
    private readonly folder: string,
    url: string,
  ) {
    this.path = join(folder, `${Bun.SHA256.hash(url, "hex")}.part`);
    this.#record = `${this.path}.json`;
  }

  /** Opens what is there of it, if it can be trusted and continued; an empty one otherwise. */
  open(): { readonly sizeBytes: number; readonly validator: Validator } {
    fs.mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const validator = this.#readRecord();
    this.#file = openHostFile(this.path, fs.existsSync(this.path) ? "read-write" : "create");
    if (validator.tag === null) this.#file.truncate(0);
    return { sizeBytes: this.#file.sizeBytes(), validator };
  }

  get file(): HostFile {
    if (!this.#file) throw new Error("the part is not open");
    return this.#file;
  }

  /** Notes what the server says of the file. */
  remember(validator: Validator): void {
    fs.writeFileSync(this.#record, JSON.stringify({ ...validator, bootId: bootId() ?? null }), {
      mode: 0o600,
    });
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** Keeps it for another attempt, if there is anything in it. */
  keep(): void {
    this.close();
    if (fs.statSync(this.path, { throwIfNoEntry: false })?.size) return;
    this.remove();
  }

  /** Removes it, and the folder when it was the last. */
  remove(): void {
    this.close();
    fs.rmSync(this.path, { force: true });
    fs.rmSync(this.#record, { force: true });
    removeWhenEmpty(this.folder);
  }

  /** After a power loss the file may have zeros where bytes were: only a part of this boot is continued. */
  #readRecord(): Validator {
    const nothing: Validator = { tag: null, totalBytes: null };
    try {
      const said: unknown = JSON.parse(fs.readFileSync(this.#record, "utf8"));
      if (typeof said !== "object" || said === null) return nothing;
      const boot = "bootId" in said ? said.bootId : null;
      if (boot !== (bootId() ?? null) || !("tag" in said) || typeof said.tag !== "string") return nothing;
      const totalBytes = "totalBytes" in said && typeof said.totalBytes === "number" ? said.totalBytes : null;
      return { tag: said.tag, totalBytes };
    } catch (error) {
      // No record, or one that was being written: the file is fetched from its start.
      if (error instanceof Error) return nothing;
      throw error;
    }
  }
}

/** Removes the parts that nobody came back for. `now` is Unix milliseconds. */
export function sweepParts(folder: string, now = Date.now()): void {
  if (!fs.existsSync(folder)) return;
  for (const name of fs.readdirSync(folder)) {
    const path = join(folder, name);
    if (now - fs.statSync(path).mtimeMs > PART_KEPT_MS) fs.rmSync(path, { force: true });
  }
  removeWhenEmpty(folder);
}

function removeWhenEmpty(folder: string): void {
  if (fs.existsSync(folder) && fs.readdirSync(folder).length === 0) fs.rmdirSync(folder);
}
