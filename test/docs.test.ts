/** What the documents name must be there: a promise with a test that nobody can find is none. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const DOCS = readdirSync(join(ROOT, "docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => ({ name, text: readFileSync(join(ROOT, "docs", name), "utf8") }));

/** `path.test.ts`: "words of a title, as the source has them". */
const NAMED_TEST = /`([^`\s]+\.test\.tsx?)`: "([^"]+)"/g;

test("every test that a document names exists under that file and title", () => {
  const named = DOCS.flatMap(({ name, text }) =>
    [...text.matchAll(NAMED_TEST)].map(([, file = "", title = ""]) => ({
      name,
      file,
      // A line of a document may end within a title.
      title: title.replaceAll(/\s+/g, " "),
    })),
  );
  expect(named.length).toBeGreaterThan(10);
  const missing = named.filter(({ file, title }) => {
    const path = join(ROOT, file);
    return !existsSync(path) || !readFileSync(path, "utf8").includes(title);
  });
  expect(missing).toEqual([]);
});

test("every row of the shim's promises names its test", () => {
  const shim = DOCS.find(({ name }) => name === "shim.md")?.text ?? "";
  const rows = shim
    .split("\n")
    .slice(shim.split("\n").findIndex((line) => line.startsWith("| the page's promise")));
  const promises = rows.slice(
    2,
    rows.findIndex((line) => !line.startsWith("|")),
  );
  expect(promises.length).toBeGreaterThan(10);
  expect(promises.filter((line) => line.match(NAMED_TEST) === null)).toEqual([]);
});

test("every picture and document that a document shows exists", () => {
  const missing = DOCS.flatMap(({ name, text }) =>
    [...text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].flatMap(([, path = ""]) =>
      existsSync(join(ROOT, "docs", path)) ? [] : [`${name}: ${path}`],
    ),
  );
  expect(missing).toEqual([]);
});
