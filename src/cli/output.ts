/** What commands print: one JSON document, or words and tables for people. */
import { ApplianceError, toApplianceError } from "../appliance/index.ts";
import { type Column, tableLines } from "./table.ts";

/** Prints one document on stdout. */
export function printJson(document: unknown): void {
  console.log(JSON.stringify(document, null, 2));
}

/** Prints a table that fits the terminal; where the output is none, whole. `empty` when there is nothing. */
export function printTable<T>(rows: readonly T[], columns: readonly Column<T>[], empty: string): void {
  if (rows.length === 0) console.log(empty);
  else for (const line of tableLines(rows, columns, terminalWidth())) console.log(line);
}

/** Its columns; without end where the output is no terminal. */
export function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
}

/** True where standard output is a terminal that may be coloured. */
export function inColour(): boolean {
  return process.stdout.isTTY && !process.env["NO_COLOR"];
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

const USAGE_FIX = "pinetboot --help shows the commands, pinetboot COMMAND --help the flags.";

/** A usage error in the same form; `fix` where there is a better one than to look it up. */
export function usageText(message: string, json: boolean, fix?: string): string {
  const line = message.split("\n")[0] ?? "";
  if (json) return JSON.stringify({ error: { code: "usage", message: line, fix: fix ?? USAGE_FIX } });
  const sentence = /[.?!]$/.test(line) ? line : `${line}${line.includes("did you mean") ? "?" : "."}`;
  return `pinetboot: ${sentence} ${fix ?? (line.includes("did you mean") ? "" : USAGE_FIX)}`.trimEnd();
}

/** An error of a command's own. */
export function failure(...words: ConstructorParameters<typeof ApplianceError>): ApplianceError {
  return new ApplianceError(...words);
}
