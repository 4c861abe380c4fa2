/**
 * The pool of threads on which everything waits that would otherwise hold the event loop up: syncs, and reads of what is
 * not in memory. Bun makes it as wide as the machine has cores: on a small one two slow syncs would keep every session's
 * reads waiting. A thread that waits costs next to nothing, so the pool is made wider, and syncs never take all of it.
 */
import { dlopen, FFIType } from "bun:ffi";
import { availableParallelism } from "node:os";
import { isCompiled } from "./worker-url.ts";

const THREADS = 32;
/** The rest is for reads, whose guests wait. */
const SYNCS_AT_ONCE = 24;
const LIBRARIES = [
  "libc.so.6",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
  "libSystem.B.dylib",
];

let isWide = false;

/**
 * Makes the pool of the compiled binary wide. To be called before anything has used it: its size is read from the C
 * environment (which `process.env` is a copy of) at its first use. A size that a person has set is kept. From source it
 * is too late: Bun has read the modules with it.
 */
export function widenThreadPool(): void {
  const name = "UV_THREADPOOL_SIZE";
  if (process.env[name] !== undefined || !isCompiled()) {
    isWide = Number(process.env[name] ?? 0) >= THREADS;
    return;
  }
  for (const library of LIBRARIES) {
    try {
      const { symbols } = dlopen(library, {
        setenv: { args: [FFIType.cstring, FFIType.cstring, FFIType.i32], returns: FFIType.i32 },
      });
      isWide = symbols.setenv(Buffer.from(`${name}\0`), Buffer.from(`${THREADS}\0`), 0) === 0;
      return;
    } catch (error) {
      // The next name may be this system's C library; without any the pool stays as it is.
      if (!(error instanceof Error)) throw error;
    }
  }
}

let syncing = 0;
const waiting: (() => void)[] = [];

/** Runs a sync as soon as it leaves threads for reads; in turn. */
export async function inSyncTurn<T>(sync: () => Promise<T>): Promise<T> {
  const most = isWide ? SYNCS_AT_ONCE : Math.max(1, availableParallelism() - 1);
  if (syncing >= most) await new Promise<void>((resolve) => waiting.push(resolve));
  else syncing += 1;
  try {
    return await sync();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else syncing -= 1;
  }
}
