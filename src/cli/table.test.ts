import { expect, test } from "bun:test";
import fc from "fast-check";
import { tableLines } from "./table.ts";

const COLUMNS = [
  { title: "ID", value: (row: readonly string[]) => row[0] ?? "" },
  { title: "WHAT", value: (row: readonly string[]) => row[1] ?? "" },
  { title: "WHERE", value: (row: readonly string[]) => row[2] ?? "" },
];

test("columns are as wide as what is in them", () => {
  expect(tableLines([["a", "long words", "here"]], COLUMNS, 80)).toEqual([
    "ID  WHAT        WHERE",
    "a   long words  here",
  ]);
});

test("where there is no room the widest gives way, and says so", () => {
  expect(tableLines([["8d3fa2c1", "a very long story of a boot", "10.0.0.7"]], COLUMNS, 32)).toEqual([
    "ID        WHAT          WHERE",
    "8d3fa2c1  a very long…  10.0.0.7",
  ]);
});

test("spare columns are left out before words become unreadable, and that is said; what is whole is never cut", () => {
  const rows = [["8d3fa2c1", "raspios-with-tools", "10.20.30.40", "2026-11-24 09:39"]];
  const columns = [
    { title: "PI", value: (row: readonly string[]) => row[0] ?? "" },
    { title: "IMAGE", value: (row: readonly string[]) => row[1] ?? "" },
    { title: "ADDRESS", value: (row: readonly string[]) => row[2] ?? "", whole: true, spare: 1 },
    { title: "LAST SEEN", value: (row: readonly string[]) => row[3] ?? "", whole: true, spare: 2 },
  ] as const;
  expect(tableLines(rows, columns, 80)).toEqual([
    "PI        IMAGE               ADDRESS      LAST SEEN",
    "8d3fa2c1  raspios-with-tools  10.20.30.40  2026-11-24 09:39",
  ]);
  expect(tableLines(rows, columns, 36)).toEqual([
    "PI        IMAGE          ADDRESS",
    "8d3fa2c1  raspios-with…  10.20.30.40",
    "",
    "No room for LAST SEEN: a wider",
    "terminal or --json has them.",
  ]);
  expect(tableLines(rows, columns, 24).slice(0, 2)).toEqual(["PI        IMAGE", "8d3fa2c1  raspios-with-…"]);
  expect(tableLines(rows, columns, Number.POSITIVE_INFINITY)[1]).toContain("2026-11-24 09:39");
});

test("half an id or half a size is never shown", () => {
  const columns = [
    { title: "IMAGE", value: (row: readonly string[]) => row[0] ?? "" },
    { title: "ID", value: (row: readonly string[]) => row[1] ?? "", whole: true },
  ] as const;
  expect(tableLines([["a-name-that-is-long", "493c39910b19"]], columns, 24)).toEqual([
    "IMAGE                ID",
    "a-name-that-is-long  493c39910b19",
  ]);
});

test("no line is wider than the terminal while the first column and the narrowest others have room, and no first cell is cut", () => {
  const cell = fc.oneof(fc.string({ maxLength: 60 }), fc.constant("漢字とかな交じり文"));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.stringMatching(/^[a-z0-9]{1,12}$/), cell, cell)),
      fc.integer({ min: 40, max: 100 }),
      (rows, width) => {
        const lines = tableLines(rows, COLUMNS, width);
        for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
        for (const [index, [id]] of rows.entries()) expect(lines[index + 1]).toStartWith(id);
      },
    ),
  );
});
