/** The C initiator of this folder, compiled once and run. */
import { join } from "node:path";

export const WRITER_NEEDS = ["gcc", "/usr/include/iscsi/iscsi.h"] as const;

/** How writes are made durable. */
export type Durability = "flush" | "fua" | "none" | "mix";

export interface WriterRun {
  readonly program: string;
  readonly url: string;
  readonly initiator: string;
  readonly log: string;
  readonly mode: Durability;
  readonly firstNumber: number;
  readonly seed: number;
  readonly sectors: number;
  readonly commands: number;
  /** A file whose size is noted with every command. */
  readonly stampFile?: string;
}

export type Writer = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** Compiles the writer into `folder` and returns its path. */
export function compileWriter(folder: string): string {
  const program = join(folder, "iscsi-writer");
  const source = join(import.meta.dir, "iscsi-writer.c");
  const { exitCode, stderr } = Bun.spawnSync([
    "gcc",
    "-O2",
    "-Wall",
    "-Wextra",
    "-o",
    program,
    source,
    "-liscsi",
  ]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return program;
}

/** Starts it and resolves when it is logged in; rejects with its words when it cannot. */
export async function startWriter(run: WriterRun): Promise<Writer> {
  const words = [
    run.url,
    run.initiator,
    run.log,
    run.mode,
    run.firstNumber,
    run.seed,
    run.sectors,
    run.commands,
  ];
  const writer = Bun.spawn([run.program, ...words.map(String), run.stampFile ?? "-"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const { value } = await writer.stdout.getReader().read();
  if (value === undefined)
    throw new Error(`the writer did not log in: ${await new Response(writer.stderr).text()}`);
  return writer;
}
