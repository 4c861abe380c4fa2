/**
 * Runs the suites and prints the time of each.
 *   npm test                       everything that gates a change
 *   npm run test:long              the same with many more rounds
 *   npm test -- --only dhcp,tftp   some suites
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Glob } from "bun";
import { installDebianPackages } from "./debian-packages.ts";
import { SUITES, type Step, type Suite } from "./suites.ts";

interface Outcome {
  readonly suite: Suite;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
}

const ROOT = join(import.meta.dir, "..");
/** The programs that package.json brings stand before those of the machine; sbin is where ip and dnsmasq live. */
const PATH = [join(ROOT, "node_modules", ".bin"), process.env["PATH"], "/usr/sbin", "/sbin"].join(":");

/** Catches a hang; a test that needs longer says so itself. */
const TEST_TIMEOUT_MS = 20_000;

const words = Bun.argv.slice(2);
/** Suites with rounds run more of them when this is set. */
const long = words.includes("--long");
const only = words.includes("--only") ? words[words.indexOf("--only") + 1]?.split(",") : undefined;
const unknown = only?.filter((name) => !SUITES.some((suite) => suite.name === name)) ?? [];
if (unknown.length > 0 || (words.includes("--only") && only === undefined)) {
  console.error(
    `test: no suite ${unknown.join(", ")}; there are ${SUITES.map((suite) => suite.name).join(", ")}`,
  );
  process.exit(2);
}
const chosen = SUITES.filter((suite) => only?.includes(suite.name) ?? true);

const started = performance.now();
if (chosen.some((suite) => suite.name !== "check" && suite.name !== "unit"))
  await installDebianPackages("test");
const outcomes: Outcome[] = [];
for (const suite of chosen) {
  console.log(`\n=== ${suite.name}: ${suite.about}`);
  outcomes.push(await runSuite(suite));
}
report(outcomes);
process.exit(outcomes.some((outcome) => outcome.failed > 0) ? 1 : 0);

async function runSuite(suite: Suite): Promise<Outcome> {
  const begin = performance.now();
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const step of suite.steps) {
    const counts = step.kind === "command" ? await runCommand(step.command) : await runBunTest(step);
    sum.passed += counts.passed;
    sum.failed += counts.failed;
    sum.skipped += counts.skipped;
  }
  return { suite, ...sum, seconds: (performance.now() - begin) / 1000 };
}

async function runCommand(command: readonly string[]): Promise<Counts> {
  const ok = (await run(command)) === 0;
  if (!ok) console.log(`FAILED: ${command.join(" ")}`);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

async function runBunTest(step: Extract<Step, { kind: "bun-test" }>): Promise<Counts> {
  // A folder that holds no test yet is an error of `bun test`; a suite must not hide behind that.
  const paths = step.paths.filter((path) => path.endsWith(".ts") || hasTests(path));
  if (paths.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const folder = mkdtempSync(join(tmpdir(), "pinetboot-test-"));
  const file = join(folder, "junit.xml");
  const code = await run([
    "bun",
    "test",
    `--timeout=${TEST_TIMEOUT_MS}`,
    "--reporter=junit",
    `--reporter-outfile=${file}`,
    ...paths.map((path) => `./${path}`),
  ]);
  const counts = readCounts(file);
  rmSync(folder, { recursive: true, force: true });
  if (code !== 0 && counts.failed === 0) return { ...counts, failed: 1 };
  return counts;
}

function hasTests(folder: string): boolean {
  return !new Glob(`${folder}/**/*.test.{ts,tsx}`).scanSync(ROOT).next().done;
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
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

async function run(command: readonly string[]): Promise<number> {
  const [program = "", ...rest] = command;
  const child = Bun.spawn([program === "bun" ? process.execPath : program, ...rest], {
    cwd: ROOT,
    env: { ...process.env, PATH, ...(long && { PINETBOOT_LONG: "1" }) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return await child.exited;
}

function report(all: readonly Outcome[]): void {
  console.log("\nsuite      passed  failed  skipped     time");
  for (const { suite, passed, failed, skipped, seconds } of all) {
    const cells = [passed, failed, skipped].map((n) => String(n).padStart(7));
    console.log(`${suite.name.padEnd(9)} ${cells.join(" ")}  ${`${seconds.toFixed(1)} s`.padStart(9)}`);
  }
  const sum = (pick: (outcome: Outcome) => number): number =>
    all.reduce((total, one) => total + pick(one), 0);
  console.log(`all: ${((performance.now() - started) / 60_000).toFixed(1)} min`);
  console.log(
    `${sum((o) => o.passed)} passed, ${sum((o) => o.failed)} failed, ${sum((o) => o.skipped)} skipped`,
  );
}
