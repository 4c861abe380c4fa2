import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OPTION_ROWS } from "../src/codec/option.ts";
import { MOVES } from "../src/transfer/state.ts";

const readme = readFileSync(join(import.meta.dir, "../README.md"), "utf8").split("\n");

test("the README's table of options is the code's", () => {
  const rows = OPTION_ROWS.map(
    (row) =>
      `| ${row.name} | ${row.rfc} | ${row.unit} | ${row.min} - ${row.max} | ${row.default ?? "-"} | ${row.above} |`,
  );
  const table = readme
    .map((line) => line.replaceAll(/ +/g, " "))
    .filter((line) => /^\| [a-z]+ \| \d{4} /.test(line));
  expect(table).toEqual(rows);
});

test("the README's diagram of states is the code's", () => {
  const moves = MOVES.map(({ from, to, on }) => `  ${from} --> ${to}: ${on}`);
  expect(readme.filter((line) => line.includes("-->"))).toEqual(moves);
});
