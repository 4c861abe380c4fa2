import { ShimError, throwIfCancelled } from "./shim-error.ts";

/** Lines kept for the message of a failed command: the end of a compiler's output names the cause. */
const TAIL_LINES = 25;

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called for every line of stdout and stderr, in the order of arrival. */
  readonly onLine?: (line: string) => void;
  /** Ends the command; `run` then throws a ShimError "cancelled". */
  readonly signal?: AbortSignal | undefined;
  /** Bytes for the command's stdin; without them it reads end of file at once. */
  readonly input?: Uint8Array;
}

/** Runs a command to its end and returns its stdout; any other exit code than 0 throws a ShimError. */
export type Run = (command: readonly string[], options?: RunOptions) => Promise<string>;

/**
 * Runs a command to its end and returns its stdout as text.
 * The command is ended when this process dies, even by SIGKILL, so that two builds never write into one folder.
 *
 * @throws ShimError "command-failed" with the last lines of its output, or "cancelled"
 */
export const run: Run = async (command, options = {}) => {
  throwIfCancelled(options.signal);
  const child = Bun.spawn([...tied(), ...command], {
    stdin: options.input ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, LC_ALL: "C", ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const stop = (): void => child.kill("SIGTERM");
  options.signal?.addEventListener("abort", stop);
  const tail: string[] = [];
  const hear = (line: string): void => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    options.onLine?.(line);
  };
  try {
    const [stdout, , code] = await Promise.all([
      collect(child.stdout, hear),
      collect(child.stderr, hear),
      child.exited,
    ]);
    throwIfCancelled(options.signal);
    if (code !== 0)
      throw new ShimError("command-failed", `${command.join(" ")} ended with ${code}:\n${tail.join("\n")}`);
    return stdout;
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
};

/** util-linux's setpriv asks the kernel to end the command with its parent. */
function tied(): string[] {
  const setpriv = Bun.which("setpriv");
  return setpriv === null ? [] : [setpriv, "--pdeathsig", "TERM"];
}

async function collect(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  const chunks: string[] = [];
  let partial = "";
  for await (const bytes of stream) {
    const text = decoder.decode(bytes, { stream: true });
    chunks.push(text);
    const lines = (partial + text).split("\n");
    partial = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (partial !== "") onLine(partial);
  return chunks.join("");
}
