/** `pinetboot serve` on a host of the lab, and its other commands beside it. */
import { join, resolve } from "node:path";
import type { Host, Lab } from "../sim/net/lab.ts";

const ROOT = resolve(import.meta.dir, "../..");

/** How pinetboot is started: from source, or a binary somewhere. */
export interface Program {
  readonly command: readonly string[];
  readonly env: Record<string, string | undefined>;
}

export const FROM_SOURCE: Program = {
  command: [process.execPath, join(ROOT, "src/cli/main.ts")],
  env: process.env,
};

/**
 * Builds the binary into `dir` and returns it as it would be on another person's computer: alone, with neither the
 * sources nor a cache beside it. The shim must be in the cache already.
 */
export async function buildBinary(dir: string): Promise<Program> {
  const binary = join(dir, "pinetboot");
  const build = Bun.spawn([process.execPath, join(ROOT, "build.ts"), "--quick", "--out", binary], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await new Response(build.stderr).text();
  if ((await build.exited) !== 0) throw new Error(`build.ts: ${said}`);
  return { command: [binary], env: { PATH: process.env["PATH"], HOME: dir } };
}

/** The start opens a database and binds ports; the rest of the time a busy machine may take. */
const READY_MS = 60_000;

export interface ReadyLine {
  readonly event: "ready";
  readonly shim: "ready" | "building" | "missing";
  readonly report: string;
}

export class Server {
  readonly #lab: Lab;
  readonly #host: Host;
  readonly #dataDir: string;
  /** May be changed before the start. */
  program = FROM_SOURCE;
  #child: Bun.Subprocess<"ignore", "pipe", "pipe"> | undefined;
  readonly log: string[] = [];

  constructor(lab: Lab, host: Host, dataDir: string) {
    this.#lab = lab;
    this.#host = host;
    this.#dataDir = dataDir;
  }

  /** Starts `serve` and waits for its ready line. */
  async start(...flags: string[]): Promise<ReadyLine> {
    const { command, env } = this.program;
    const words = ["serve", "--data", this.#dataDir, "--log", "json", ...flags];
    const child = this.#lab.spawn(this.#host, [...command, ...words], { env });
    this.#child = child;
    void this.#keep(child.stderr);
    const { promise, resolve, reject } = Promise.withResolvers<ReadyLine>();
    const fail = (why: string): void => reject(new Error(`serve ${why}:\n${this.log.slice(-20).join("\n")}`));
    const late = setTimeout(() => fail(`was not ready in ${READY_MS / 1000} s`), READY_MS);
    void this.#keep(child.stdout, (line) => {
      const parsed: { event?: string } = line.startsWith("{") ? JSON.parse(line) : {};
      if (isReady(parsed)) resolve(parsed);
    }).then(() => fail("ended"));
    try {
      return await promise;
    } finally {
      clearTimeout(late);
    }
  }

  /** Freezes the server: it keeps its connections and answers nothing. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  /** Lets it go on. */
  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Ends it at once, as a power cut would. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
    this.#child = undefined;
  }

  /** Asks it to stop; resolves with its exit code. */
  async stop(): Promise<number> {
    this.#child?.kill("SIGTERM");
    const code = await this.#child?.exited;
    this.#child = undefined;
    return code ?? 0;
  }

  /** Runs another command on the same data folder and returns its JSON document. */
  async command(...words: string[]): Promise<unknown> {
    const { command, env } = this.program;
    const line = [...command, ...words, "--data", this.#dataDir, "--json"];
    const child = this.#lab.spawn(this.#host, line, { env });
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    if ((await child.exited) !== 0) throw new Error(`pinetboot ${words.join(" ")}: ${stderr || stdout}`);
    return stdout.trim() === "" ? undefined : JSON.parse(stdout);
  }

  async #keep(stream: ReadableStream<Uint8Array>, onLine?: (line: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    let partial = "";
    for await (const bytes of stream) {
      const lines = (partial + decoder.decode(bytes, { stream: true })).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) {
        this.log.push(line);
        onLine?.(line);
      }
    }
  }
}

function isReady(line: { event?: string }): line is ReadyLine {
  return line.event === "ready";
}
