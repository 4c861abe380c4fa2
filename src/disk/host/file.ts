/** A file of the host as the layers use it: positioned reads and writes that are whole or throw. */
import * as fs from "node:fs";
import { DiskError, errnoOf } from "../disk-error.ts";
import { posix } from "./posix.ts";
import { inSyncTurn } from "./thread-pool.ts";

/** Offsets and lengths are bytes. Reading behind the end gives zeros, as a hole does. Errors are `DiskError`s. */
export interface HostFile {
  readonly path: string;
  sizeBytes(): number;
  /** False when the bytes are not in memory: `into` is then in an unknown state. */
  tryRead(into: Uint8Array, offset: number): boolean;
  /** Reads on the calling thread, which may wait for the device. */
  readNow(into: Uint8Array, offset: number): void;
  /** Reads on the thread pool. */
  read(into: Uint8Array, offset: number): Promise<void>;
  /** On return the bytes are in the kernel's page cache. */
  write(data: Uint8Array, offset: number): void;
  truncate(sizeBytes: number): void;
  /** Turns the range into a hole, which reads as zeros. False when the file system has no holes: nothing changed then. */
  punch(offset: number, length: number): boolean;
  /** Resolves once everything written before the call is on stable storage (fdatasync, on the thread pool). */
  sync(): Promise<void>;
  /**
   * Has the disk begin to write what is dirty in the range; with `wait` the calling thread waits for it. For a Worker
   * that writes much and is not to fill the memory with it. Promises nothing: only `sync` does.
   */
  writeBack(offset: number, length: number, wait: boolean): void;
  /** The data and the holes of a range, in order and without gaps. */
  segments(offset: number, length: number): Iterable<Segment>;
  close(): void;
}

export interface Segment {
  readonly offset: number;
  readonly length: number;
  readonly hole: boolean;
}

/** `statfs` type of tmpfs: it refuses RWF_NOWAIT, yet never waits for a device. */
const TMPFS_MAGIC = 0x01021994;

/** How `tryRead` learns whether a read would wait. */
type Probe = "nowait" | "memory" | "unknown";

export type OpenMode = "read-only" | "read-write" | "create" | "replace";

const FLAGS: Record<OpenMode, string> = {
  "read-only": "r",
  "read-write": "r+",
  create: "wx+",
  replace: "w+",
};

/** Opens a regular file; `create` refuses one that exists, `replace` empties it. New files are for their owner alone. */
export function openHostFile(path: string, mode: OpenMode): HostFile {
  return attempt(path, () => {
    const fd = fs.openSync(path, FLAGS[mode], 0o600);
    if (!fs.fstatSync(fd).isFile()) {
      fs.closeSync(fd);
      throw new DiskError("EINVAL", `${path}: not a regular file`);
    }
    return new KernelFile(path, fd);
  });
}

/** Makes the names in a directory durable: a file that was created, renamed or removed there stays so. */
export function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return Promise.resolve();
  const fd = attempt(path, () => fs.openSync(path, "r"));
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => {
      fs.closeSync(fd);
      if (error) reject(diskError(path, error));
      else resolve();
    });
  });
}

class KernelFile implements HostFile {
  #probe: Probe;

  constructor(
    readonly path: string,
    private readonly fd: number,
  ) {
    if (fs.statfsSync(path).type === TMPFS_MAGIC) this.#probe = "memory";
    else this.#probe = posix ? "nowait" : "unknown";
  }

  sizeBytes(): number {
    return attempt(this.path, () => fs.fstatSync(this.fd).size);
  }

  tryRead(into: Uint8Array, offset: number): boolean {
    if (into.byteLength === 0) return true;
    if (this.#probe === "memory") {
      this.readNow(into, offset);
      return true;
    }
    if (this.#probe === "unknown" || !posix) return false;
    const got = posix.readNoWait(this.fd, into, offset);
    if (got === into.byteLength) return true;
    // A file system without RWF_NOWAIT may lie on a network: its reads always go to the pool.
    if (got === "EOPNOTSUPP" || got === "ENOSYS") this.#probe = "unknown";
    return false;
  }

  readNow(into: Uint8Array, offset: number): void {
    attempt(this.path, () => {
      let done = 0;
      while (done < into.byteLength) {
        const got = fs.readSync(this.fd, into, done, into.byteLength - done, offset + done);
        if (got === 0) break;
        done += got;
      }
      into.fill(0, done);
    });
  }

  read(into: Uint8Array, offset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const next = (done: number): void => {
        fs.read(this.fd, into, done, into.byteLength - done, offset + done, (error, got) => {
          if (error) {
            reject(diskError(this.path, error));
          } else if (got === 0 || done + got === into.byteLength) {
            into.fill(0, done + got);
            resolve();
          } else {
            next(done + got);
          }
        });
      };
      next(0);
    });
  }

  write(data: Uint8Array, offset: number): void {
    attempt(this.path, () => {
      let done = 0;
      while (done < data.byteLength) {
        done += fs.writeSync(this.fd, data, done, data.byteLength - done, offset + done);
      }
    });
  }

  truncate(sizeBytes: number): void {
    attempt(this.path, () => fs.ftruncateSync(this.fd, sizeBytes));
  }

  punch(offset: number, length: number): boolean {
    if (length === 0) return true;
    return posix?.punchHole(this.fd, offset, length) === 0;
  }

  writeBack(offset: number, length: number, wait: boolean): void {
    // What fails here is met again by `sync`, which tells.
    posix?.writeBack(this.fd, offset, length, wait);
  }

  sync(): Promise<void> {
    return inSyncTurn(
      () =>
        new Promise((resolve, reject) => {
          fs.fdatasync(this.fd, (error) => {
            if (error) reject(diskError(this.path, error));
            else resolve();
          });
        }),
    );
  }

  close(): void {
    attempt(this.path, () => fs.closeSync(this.fd));
  }

  *segments(offset: number, length: number): Generator<Segment> {
    const end = offset + length;
    let at = offset;
    while (at < end) {
      const data = posix?.seekData(this.fd, at) ?? at;
      const dataStart = data === "ENXIO" ? end : typeof data === "number" ? Math.min(data, end) : at;
      if (dataStart > at) yield { offset: at, length: dataStart - at, hole: true };
      if (dataStart === end) return;
      const hole = posix?.seekHole(this.fd, dataStart) ?? end;
      const dataEnd = typeof hole === "number" ? Math.min(hole, end) : end;
      yield { offset: dataStart, length: dataEnd - dataStart, hole: false };
      at = dataEnd;
    }
  }
}

function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw diskError(path, error);
  }
}

function diskError(path: string, cause: unknown): DiskError {
  if (cause instanceof DiskError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new DiskError(errnoOf(cause), `${path}: ${message}`, { cause });
}
