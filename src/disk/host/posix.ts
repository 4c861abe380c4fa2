/**
 * What the data path needs from the C library and JavaScript's `fs` does not offer: reads that refuse to wait
 * (preadv2 with RWF_NOWAIT), punching holes (fallocate), the map of a sparse file (lseek SEEK_DATA and SEEK_HOLE) and
 * writing back at a steady pace (sync_file_range).
 *
 * Only Linux has all of them. Elsewhere `posix` is undefined and callers take their plain way.
 */
import { dlopen, FFIType, ptr, read } from "bun:ffi";

const RWF_NOWAIT = 0x8;
const FALLOC_FL_KEEP_SIZE = 0x1;
const FALLOC_FL_PUNCH_HOLE = 0x2;
const SYNC_FILE_RANGE_WAIT_BEFORE = 1;
const SYNC_FILE_RANGE_WRITE = 2;
const SYNC_FILE_RANGE_WAIT_AFTER = 4;
const POSIX_FADV_DONTNEED = 4;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** The errno values that callers tell apart, as on every Linux architecture that Bun runs on. */
const ERRNO: Record<number, string> = {
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  9: "EBADF",
  11: "EAGAIN",
  22: "EINVAL",
  28: "ENOSPC",
  38: "ENOSYS",
  95: "EOPNOTSUPP",
};

/** Errno name of a failed call, or the number of bytes (the offset, for a seek) of a successful one. */
export type PosixResult = number | string;

export interface Posix {
  /** Reads what is in the page cache already: fewer bytes than asked for, or "EAGAIN", means that the rest is not. */
  readNoWait(fd: number, into: Uint8Array, offset: number): PosixResult;
  punchHole(fd: number, offset: number, length: number): PosixResult;
  /** Has the disk begin to write what is dirty in the range, and with `wait` waits until it is there. No promise: see `sync`. */
  writeBack(fd: number, offset: number, length: number, wait: boolean): PosixResult;
  /** Drops what the memory has of a file that was synced: the next reads are the device's. */
  forget(fd: number): void;
  /** First byte at or after `offset` that holds data; "ENXIO" when there is none. */
  seekData(fd: number, offset: number): PosixResult;
  /** First byte at or after `offset` that lies in a hole; the end of the file counts as one. */
  seekHole(fd: number, offset: number): PosixResult;
}

function openLibc(): Posix | undefined {
  if (process.platform !== "linux") return undefined;
  for (const name of [
    "libc.so.6",
    "libc.so",
    `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
  ]) {
    try {
      return bind(name);
    } catch (error) {
      // The next name may be this system's; a C library without one of the symbols counts as none.
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}

function bind(library: string): Posix {
  const {
    symbols: { __errno_location: errnoLocation, ...symbols },
  } = dlopen(library, {
    preadv2: {
      args: [FFIType.i32, FFIType.ptr, FFIType.i32, FFIType.i64_fast, FFIType.i32],
      returns: FFIType.i64_fast,
    },
    fallocate: { args: [FFIType.i32, FFIType.i32, FFIType.i64_fast, FFIType.i64_fast], returns: FFIType.i32 },
    sync_file_range: {
      args: [FFIType.i32, FFIType.i64_fast, FFIType.i64_fast, FFIType.u32],
      returns: FFIType.i32,
    },
    posix_fadvise: {
      args: [FFIType.i32, FFIType.i64_fast, FFIType.i64_fast, FFIType.i32],
      returns: FFIType.i32,
    },
    lseek: { args: [FFIType.i32, FFIType.i64_fast, FFIType.i32], returns: FFIType.i64_fast },
    __errno_location: { args: [], returns: FFIType.ptr },
  });
  const iovec = new BigUint64Array(2);
  const iovecPointer = ptr(iovec);

  const result = (value: number | bigint): PosixResult => {
    if (value >= 0) return Number(value);
    const location = errnoLocation();
    const errno = location === null ? 5 : read.i32(location, 0);
    return ERRNO[errno] ?? "EIO";
  };

  return {
    readNoWait(fd, into, offset) {
      iovec[0] = BigInt(ptr(into));
      iovec[1] = BigInt(into.byteLength);
      return result(symbols.preadv2(fd, iovecPointer, 1, offset, RWF_NOWAIT));
    },
    punchHole(fd, offset, length) {
      return result(symbols.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
    },
    writeBack(fd, offset, length, wait) {
      const waiting = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
      return result(
        symbols.sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE | (wait ? waiting : 0)),
      );
    },
    forget(fd) {
      symbols.posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    },
    seekData: (fd, offset) => result(symbols.lseek(fd, offset, SEEK_DATA)),
    seekHole: (fd, offset) => result(symbols.lseek(fd, offset, SEEK_HOLE)),
  };
}

export const posix: Posix | undefined = openLibc();
