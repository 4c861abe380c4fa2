/**
 * Bugs planted on purpose, to see that a test or a fuzzer finds them: the sources are copied to a temporary folder,
 * a patch is applied to the copy, and a program of the copy is run for a bounded time.
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dir, "../..");

export interface PlantedBug {
  /** The patch, with paths relative to the repository (`patch -p1`). */
  readonly patch: string;
  /** Folders and files of the repository that the program needs, node_modules aside. */
  readonly sources: readonly string[];
  /** Arguments of `bun`, run at the top of the copy. */
  readonly program: readonly string[];
  /** The program is killed after this. */
  readonly timeoutMs: number;
}

export interface PlantedRun {
  /** The exit code, or "timeout". */
  readonly code: number | "timeout";
  /** Standard output and standard error. */
  readonly output: string;
  readonly seconds: number;
}

/** Throws, naming the patch, when it does not apply to the sources as they are now. */
export async function runPlanted({ patch, sources, program, timeoutMs }: PlantedBug): Promise<PlantedRun> {
  const copy = mkdtempSync(join(tmpdir(), "pinetboot-planted-"));
  try {
    for (const source of sources) cpSync(join(ROOT, source), join(copy, source), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    await applyPatch(patch, copy);
    return await runBun(copy, program, timeoutMs);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function applyPatch(patch: string, folder: string): Promise<void> {
  const child = Bun.spawn(["patch", "-p1", "--forward", "--batch", "--no-backup-if-mismatch", "-i", patch], {
    cwd: folder,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [said, complaint, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code === 0) return;
  const name = relative(ROOT, patch);
  throw new Error(
    `${name} no longer applies: the sources have changed. Plant the same bug in them as they are now, and put the diff there.\n${said}${complaint}`,
  );
}

/** Runs `bun` with a bound in time; its output is what it had said by then. */
export async function runBun(
  folder: string,
  program: readonly string[],
  timeoutMs: number,
): Promise<PlantedRun> {
  const started = performance.now();
  const child = Bun.spawn([process.execPath, ...program], {
    cwd: folder,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` },
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const [said, complaint, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(timer);
  const seconds = (performance.now() - started) / 1000;
  return { code: isLate ? "timeout" : code, output: said + complaint, seconds };
}
