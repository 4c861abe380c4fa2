/** What commands print: one JSON document, or words and tables for people. */
import { ApplianceError, toApplianceError } from "../appliance/index.ts";

/** Prints one document on stdout. */
export function printJson(document: unknown): void {
  console.log(JSON.stringify(document, null, 2));
}

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
}

/** Prints a table whose columns are as wide as what is in them; `empty` when there is nothing. */
export function printTable<T>(rows: readonly T[], columns: readonly Column<T>[], empty: string): void {
  if (rows.length === 0) {
    console.log(empty);
    return;
  }
  const lines = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ value }) => value(row))),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  for (const line of lines)
    console.log(
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

/** An error as one line for people, or as `{"error":{"code","message","fix"}}`. */
export function errorText(error: unknown, json: boolean): string {
  const { code, message, fix, cause } = toApplianceError(error);
  if (json) return JSON.stringify({ error: { code, message, fix: fix ?? null } });
  const trace =
    code === "internal" && cause instanceof Error && process.env["PINETBOOT_TRACE"] ? cause.stack : "";
  const sentence = /[.?!]$/.test(message) ? message : `${message}.`;
  return [`pinetboot: ${sentence}${fix === undefined ? "" : ` ${fix}`}`, trace].filter(Boolean).join("\n");
}

/** A usage error in the same form. */
export function usageText(message: string, json: boolean): string {
  const line = message.split("\n")[0] ?? "";
  const fix = "pinetboot --help shows the commands, pinetboot COMMAND --help the flags.";
  if (json) return JSON.stringify({ error: { code: "usage", message: line, fix } });
  return `pinetboot: ${line}`;
}

/** An error of a command's own. */
export function failure(...words: ConstructorParameters<typeof ApplianceError>): ApplianceError {
  return new ApplianceError(...words);
}
