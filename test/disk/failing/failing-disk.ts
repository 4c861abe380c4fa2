/** Puts a disk that can be told to fail under a server. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Failure = "sync-eio" | "sync-slow";

export interface FailingDisk {
  /** What the program that stands on it needs in its environment. */
  readonly env: Record<string, string>;
  fail(how: Failure): void;
  mend(how: Failure): void;
  /** Syncs of overlays so far. */
  syncs(): number;
}

/** Compiles the library into `folder`, which it is told by too. */
export function failingDisk(folder: string): FailingDisk {
  const told = join(folder, "told");
  mkdirSync(told);
  const library = join(folder, "failing-disk.so");
  const source = join(import.meta.dir, "failing-disk.c");
  const command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o", library, source];
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return {
    env: { LD_PRELOAD: library, FAILING_DISK: told },
    fail: (how) => writeFileSync(join(told, how), ""),
    mend: (how) => rmSync(join(told, how)),
    syncs: () => Bun.file(join(told, "syncs")).size,
  };
}
