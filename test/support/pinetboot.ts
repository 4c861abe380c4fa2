/** Starts the program under test and speaks to it: from source, or a compiled binary. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";

const ROOT = join(import.meta.dir, "../..");
/** The program from source. */
export const SOURCE: readonly string[] = [process.execPath, join(ROOT, "src/cli/main.ts")];

/** Catches a hang: a machine that is busy with other suites may take its time. */
const READY_MS = 60_000;

/** The services on loopback alone, on any ports; no DHCP, and nothing is built. */
export const LOOPBACK_FLAGS: readonly string[] =
  "--interface lo --dhcp off --tftp-port 0 --iscsi-port 0 --report-port 0 --http 127.0.0.1:0 --no-shim-build".split(
    " ",
  );

const ReadySchema = z.object({
  event: z.literal("ready"),
  http: z.string().nullable(),
  iscsi: z.string().nullable(),
  tftp: z.string().nullable(),
  dhcp: z.object({ mode: z.string(), interfaces: z.array(z.string()) }),
  report: z.string().nullable(),
  shim: z.enum(["ready", "building", "missing"]),
});

const StepSchema = z.object({
  event: z.literal("step"),
  id: z.number(),
  pi: z.string().nullable(),
  stage: z.string(),
  state: z.string(),
  detail: z.string(),
  fix: z.string().nullable(),
});

const LineSchema = z.discriminatedUnion("event", [
  ReadySchema,
  StepSchema,
  z.object({ event: z.literal("note"), message: z.string() }),
]);

/** What `POST /api/sessions` answers: exactly these keys. */
export const CreatedSessionSchema = z.strictObject({
  id: z.string(),
  iqn: z.string(),
  portal: z.string(),
  chap_user: z.string(),
  chap_secret: z.string(),
  luns: z.array(z.strictObject({ lun: z.number(), image: z.string(), size_bytes: z.number() })),
  persistent: z.boolean(),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable(),
});

export type Ready = z.infer<typeof ReadySchema>;
export type Step = z.infer<typeof StepSchema>;
export type CreatedSession = z.infer<typeof CreatedSessionSchema>;

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of the test's own; `dispose` removes it. */
export function temporaryFolder(label: string): { readonly path: string; dispose(): void } {
  const path = mkdtempSync(join(tmpdir(), `pinetboot-${label}-`));
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs a program to its end. */
export async function runProgram(
  command: readonly string[],
  options: { readonly env?: Record<string, string | undefined>; readonly stdin?: string } = {},
): Promise<Finished> {
  const child = Bun.spawn([...command], {
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: "pipe",
    stderr: "pipe",
    ...(options.env && { env: { ...process.env, ...options.env } }),
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

export interface ServerOptions {
  readonly data: string;
  /** Default: `LOOPBACK_FLAGS`. */
  readonly flags?: readonly string[];
  /** Default: from source. */
  readonly program?: readonly string[];
  /** Before the program: a namespace, another user. */
  readonly run?: readonly string[];
  readonly env?: Record<string, string | undefined>;
}

/** A running server; its steps are collected as they are printed. */
export class TestServer {
  readonly ready: Ready;
  readonly data: string;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #program: readonly string[];
  readonly #steps: Step[];
  readonly #onStep: Set<() => void>;

  private constructor(
    ready: Ready,
    options: ServerOptions,
    child: Bun.Subprocess<"ignore", "pipe", "pipe">,
    steps: Step[],
    onStep: Set<() => void>,
  ) {
    this.ready = ready;
    this.data = options.data;
    this.#program = options.program ?? SOURCE;
    this.#child = child;
    this.#steps = steps;
    this.#onStep = onStep;
  }

  /** Resolves when the server says that it is ready; rejects with its words when it ends before. */
  static async start(options: ServerOptions): Promise<TestServer> {
    const child = Bun.spawn(
      [
        ...(options.run ?? []),
        ...(options.program ?? SOURCE),
        "serve",
        "--data",
        options.data,
        "--log",
        "json",
        ...(options.flags ?? LOOPBACK_FLAGS),
      ],
      {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        ...(options.env && { env: { ...process.env, ...options.env } }),
      },
    );
    const steps: Step[] = [];
    const onStep = new Set<() => void>();
    const { promise, resolve, reject } = Promise.withResolvers<Ready>();
    const words = new Response(child.stderr).text();
    void (async () => {
      for await (const line of linesOf(child.stdout)) {
        const said = LineSchema.parse(JSON.parse(line));
        if (said.event === "ready") resolve(said);
        if (said.event === "step") steps.push(said);
        for (const look of onStep) look();
      }
      reject(new Error(`the server ended before it was ready: ${await words}`));
    })();
    const timer = setTimeout(() => reject(new Error("the server is not ready in time")), READY_MS);
    try {
      return new TestServer(await promise, options, child, steps, onStep);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** Resolves with the first step, past ones included, that the condition holds for. */
  async step(holds: (step: Step) => boolean, timeoutMs = 30_000): Promise<Step> {
    const { promise, resolve, reject } = Promise.withResolvers<Step>();
    const look = (): void => {
      const found = this.#steps.find(holds);
      if (found) resolve(found);
    };
    const timer = setTimeout(
      () => reject(new Error(`no such step among ${JSON.stringify(this.#steps, null, 1)}`)),
      timeoutMs,
    );
    this.#onStep.add(look);
    look();
    return promise.finally(() => {
      clearTimeout(timer);
      this.#onStep.delete(look);
    });
  }

  /** Runs a command beside the server, on its data folder. */
  cli(...words: string[]): Promise<Finished> {
    return runProgram([...this.#program, ...words, "--data", this.data]);
  }

  /** Runs a command with `--json` and reads what it prints; fails with its words. */
  async json<T>(schema: z.ZodType<T>, ...words: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.cli(...words, "--json");
    if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
    return schema.parse(JSON.parse(stdout));
  }

  /** Makes a session over the API. */
  async createSession(body: object): Promise<CreatedSession> {
    const response = await fetch(`${this.ready.http}/api/sessions`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    if (response.status !== 201) throw new Error(await response.text());
    return CreatedSessionSchema.parse(await response.json());
  }

  /** Interrupts it and resolves with its exit status. */
  async stop(signal: "SIGTERM" | "SIGINT" | "SIGKILL" = "SIGTERM"): Promise<number> {
    this.#child.kill(signal);
    return this.#child.exited;
  }
}

/** The address of a session's disk for libiscsi's and QEMU's tools. */
export function iscsiUrl(
  session: Pick<CreatedSession, "iqn" | "portal" | "chap_user" | "chap_secret">,
  change: { secret?: string; portal?: string; lun?: number } = {},
): string {
  const { secret = session.chap_secret, portal = session.portal, lun = 0 } = change;
  return `iscsi://${session.chap_user}%${secret}@${portal}/${session.iqn}/${lun}`;
}

/** Runs qemu-io commands on a disk, one after the other; stops at the first that fails. */
export async function qemuIo(url: string, ...commands: string[]): Promise<Finished> {
  const { code, stdout, stderr } = await runProgram([
    "timeout",
    "60",
    "qemu-io",
    "-f",
    "raw",
    ...commands.flatMap((command) => ["-c", command]),
    url,
  ]);
  // qemu-io ends with 0 also when a pattern did not match.
  const failed = code !== 0 || /failed/i.test(stdout + stderr);
  return { code: failed ? code || 1 : 0, stdout, stderr };
}

/** The lines of a program as it prints them. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines.filter((line) => line !== "");
  }
}
