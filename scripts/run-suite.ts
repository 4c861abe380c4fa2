/** Runs one suite's steps in children, passes their lines on, and counts what they say of themselves. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Glob } from "bun";
import type { Step, Suite } from "./suites.ts";

export interface Outcome extends Counts {
  readonly suite: Suite;
  readonly seconds: number;
  /** What `bun test` said of each test that failed, its name last; empty where the steps own the terminal. */
  readonly failures: readonly string[];
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface RunOptions {
  /** Suites with rounds run more of them. */
  readonly long: boolean;
  /** Takes each line that a step prints; without it the steps write to the terminal themselves. */
  readonly onLine?: (line: string) => void;
}

const ROOT = join(import.meta.dir, "..");
/** The programs that package.json brings stand before those of the machine; sbin is where ip and dnsmasq live. */
const PATH = [join(ROOT, "node_modules", ".bin"), process.env["PATH"], "/usr/sbin", "/sbin"].join(":");

/** Catches a hang; a test that needs longer says so itself. */
const TEST_TIMEOUT_MS = 20_000;

/** Of what a failed test printed, the last lines are shown again at the end. */
const FAILURE_LINES = 60;

/** Runs every step, also after one failed: a red check should not hide a red test. */
export async function runSuite(suite: Suite, options: RunOptions): Promise<Outcome> {
  const begin = performance.now();
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  const { onLine } = options;
  const heard = onLine && { ...options, onLine: keepFailures(failures, onLine) };
  for (const step of suite.steps) {
    const counts =
      step.kind === "command"
        ? await runCommand(step.command, options)
        : await runBunTest(step, heard ?? options);
    sum.passed += counts.passed;
    sum.failed += counts.failed;
    sum.skipped += counts.skipped;
  }
  return { suite, ...sum, failures, seconds: (performance.now() - begin) / 1000 };
}

/** Passes lines on, and keeps those of each failed test: what stands between the result before it and its own. */
function keepFailures(failures: string[], onLine: (line: string) => void): (line: string) => void {
  let since: string[] = [];
  return (line) => {
    onLine(line);
    since.push(line);
    const result = /^\((pass|fail|skip|todo)\)/.exec(line)?.[1];
    // Bun lists the failed ones again at its end, with nothing before them.
    if (result === "fail" && since.length > 1) failures.push(since.slice(-FAILURE_LINES).join("\n"));
    if (result !== undefined || /^\d+ tests? failed:/.test(line)) since = [];
  };
}

async function runCommand(command: readonly string[], options: RunOptions): Promise<Counts> {
  const ok = (await run(command, options)) === 0;
  if (!ok) (options.onLine ?? console.log)(`FAILED: ${command.join(" ")}`);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

async function runBunTest(step: Extract<Step, { kind: "bun-test" }>, options: RunOptions): Promise<Counts> {
  // A folder that holds no test yet is an error of `bun test`; a suite must not hide behind that.
  const paths = step.paths.filter((path) => path.endsWith(".ts") || hasTests(path));
  if (paths.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const folder = mkdtempSync(join(tmpdir(), "pinetboot-test-"));
  const file = join(folder, "junit.xml");
  const command = [
    "bun",
    "test",
    `--timeout=${TEST_TIMEOUT_MS}`,
    "--reporter=junit",
    `--reporter-outfile=${file}`,
    ...paths.map((path) => `./${path}`),
  ];
  const code = await run(command, options);
  const counts = readCounts(file);
  rmSync(folder, { recursive: true, force: true });
  if (code !== 0 && counts.failed === 0) return { ...counts, failed: 1 };
  return counts;
}

function hasTests(folder: string): boolean {
  return !new Glob(`${folder}/**/*.test.{ts,tsx}`).scanSync(ROOT).next().done;
}

/** Reads the totals of Bun's report; a run that died before it wrote one counts as a failure. */
function readCounts(file: string): Counts {
  let report = "";
  try {
    report = readFileSync(file, "utf8");
  } catch (error) {
    console.log(`no report: ${error instanceof Error ? error.message : String(error)}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const head = /<testsuites[^>]*>/.exec(report)?.[0] ?? "";
  const total = (name: string): number => Number(new RegExp(`${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = total("failures") + total("errors");
  const skipped = total("skipped");
  return { passed: total("tests") - failed - skipped, failed, skipped };
}

async function run(command: readonly string[], { long, onLine }: RunOptions): Promise<number> {
  const [program = "", ...rest] = command;
  const output = onLine ? "pipe" : "inherit";
  const child = Bun.spawn([program === "bun" ? process.execPath : program, ...rest], {
    cwd: ROOT,
    env: { ...process.env, PATH, ...(long && { PINETBOOT_LONG: "1" }) },
    stdio: ["ignore", output, output],
  });
  if (onLine) await Promise.all([child.stdout, child.stderr].map((stream) => passLines(stream, onLine)));
  return await child.exited;
}

async function passLines(
  stream: ReadableStream<Uint8Array> | number | undefined,
  onLine: (line: string) => void,
): Promise<void> {
  if (stream === undefined || typeof stream === "number") return;
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}
