/** The table of failures in docs/booting.md is what the scripts say, and all that they say. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { INIT_PARTS } from "../../src/shim/userland/sources.ts";

const BOOTING = readFileSync(join(import.meta.dir, "../../docs/booting.md"), "utf8");
const SCRIPTS = Object.values(INIT_PARTS).join("\n").replaceAll("\\\n", " ");
/** What a stage of kexec and usb mode says is documented with those modes. */
const FAILURES = [
  ...SCRIPTS.matchAll(
    /say (?:network|parameters|login|root) fail +"((?:[^"$]|\$\([^)]*\)|\$\{[^}]*\}|\$\w+)*)/g,
  ),
  ...SCRIPTS.matchAll(/(?:endpoint_problem=|root_problem )"([^"]+)"/g),
]
  .map(([, words = ""]) => words)
  // Words that are all variables stand elsewhere: in a function's calls, in an assignment.
  .filter((words) => !/^\$1( from .* \$text_problem)?$/.test(words));

const documented = (): string[] => {
  const table = BOOTING.split("## When it stops")[1]?.split("\n## ")[0] ?? "";
  return [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, line = ""]) => line);
};

test("every line of the table is one that the shim says", () => {
  expect(documented().length).toBeGreaterThan(25);
  expect(documented().filter((line) => !SCRIPTS.includes(line))).toEqual([]);
});

test("every failure that the shim names is in the table", () => {
  expect(FAILURES.length).toBeGreaterThan(25);
  expect(FAILURES.filter((words) => !documented().some((line) => words.includes(line)))).toEqual([]);
});
