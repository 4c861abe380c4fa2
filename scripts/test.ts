/**
 * Runs the suites and prints the time of each.
 *   npm test                       everything that gates a change
 *   npm run test:long              the same with many more rounds
 *   npm test -- --only dhcp,tftp   some suites
 */
import { installDebianPackages } from "./debian-packages.ts";
import { runInLanes } from "./lanes.ts";
import { type Outcome, runSuite } from "./run-suite.ts";
import { SUITES } from "./suites.ts";

/** The longest name of a suite, and a space. */
const NAME_WIDTH = 10;

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
const outcomes = await runInLanes(chosen, async (suite) => {
  const name = suite.name.padEnd(NAME_WIDTH);
  console.log(`\n=== ${suite.name}: ${suite.about}`);
  if (long && suite.long !== undefined) console.log(`=== ${suite.name}, the long run: ${suite.long}`);
  // Two suites speak at once: each line says whose it is.
  const onLine =
    suite.alone || chosen.length === 1 ? undefined : (line: string) => console.log(`${name}| ${line}`);
  const outcome = await runSuite(suite, { long, ...(onLine && { onLine }) });
  console.log(
    `=== ${suite.name}: ${outcome.failed > 0 ? "FAILED" : "ok"} after ${outcome.seconds.toFixed(1)} s`,
  );
  return outcome;
});
report(outcomes);
process.exit(outcomes.some((outcome) => outcome.failed > 0) ? 1 : 0);

function report(all: readonly Outcome[]): void {
  for (const { suite, failures } of all)
    for (const words of failures) console.log(`\n=== failed in ${suite.name}\n${words}`);
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
