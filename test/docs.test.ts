/** What the documents name must be there: a promise with a test that nobody can find is none. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { generateHelpTextForAllCommands } from "@stricli/core";
import { createApp } from "../src/cli/app.ts";

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

/** A command line of a document: in a block of shell, or between back-quotes. */
const COMMAND =
  /(?:^|[`\s|(])(?:sudo )?(?:\.\/)?pinetboot ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)((?: +(?:--?[\w-]+|[^\s`|;&)]+))*)/gm;

/** Each command's help, by its words. */
const HELPS = new Map(
  generateHelpTextForAllCommands(createApp(false)).map(([words, help]) => [
    words.replace("pinetboot ", ""),
    help,
  ]),
);

/** The command lines in a text that no command takes, or with a flag that it has not. */
function deadCommands(text: string): { readonly found: number; readonly dead: readonly string[] } {
  const lines = [...text.matchAll(COMMAND)];
  const dead = lines.flatMap(([line, words = "", rest = ""]) => {
    const [first = ""] = words.split(" ");
    const isGroup = [...HELPS.keys()].some((known) => known.startsWith(`${first} `));
    // A word behind a group of commands is one of them; behind a command it is its argument.
    const help = HELPS.get(words) ?? (words === first && isGroup ? "" : HELPS.get(first));
    if (help === undefined) return [line.trim()];
    const flags = [...rest.matchAll(/(?:^|\s)(--[a-z][a-z0-9-]*)/g)].map(([, flag = ""]) => flag);
    const unknown = flags.filter(
      (flag) => flag !== "--help" && !new RegExp(`[ [/]${flag}[\\] /]`).test(help),
    );
    return unknown.map((flag) => `${line.trim()} (${flag})`);
  });
  return { found: lines.length, dead };
}

test("every command and flag that a document names exists", () => {
  const readme = { name: "README.md", text: readFileSync(join(ROOT, "README.md"), "utf8") };
  const checked = [...DOCS, readme].flatMap(({ name, text }) =>
    shellOf(text).map((shell) => ({ name, commands: deadCommands(shell) })),
  );
  expect(checked.reduce((sum, { commands }) => sum + commands.found, 0)).toBeGreaterThan(60);
  expect(checked.flatMap(({ name, commands }) => commands.dead.map((line) => `${name}: ${line}`))).toEqual(
    [],
  );
});

test("every command's help has examples, and they are commands that exist", () => {
  expect(HELPS.size).toBeGreaterThan(50);
  for (const [command, help] of HELPS) {
    const examples = /Examples?:\n([^]*?)\n\n/.exec(help)?.[1] ?? "";
    const { found, dead } = deadCommands(examples);
    expect({ command, found: found > 0, dead }).toEqual({ command, found: true, dead: [] });
  }
});

/** What of a document is typed: its blocks of shell, and what stands between back-quotes. */
function shellOf(text: string): string[] {
  const blocks = [...text.matchAll(/```(?:sh|ini)?\n([^]*?)```/g)].map(([, block = ""]) =>
    block.replaceAll("\\\n", " ").replaceAll(/(?<=^|\s)#.*$/gm, ""),
  );
  const rest = text.replaceAll(/```[^]*?```/g, "");
  return [...blocks, ...[...rest.matchAll(/`([^`]+)`/g)].map(([whole]) => whole)];
}
