/** Tables as lines of text, no wider than the terminal: a pure function. */
import { cutText, wrapText } from "./cut-text.ts";

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
  /** Never cut: half an id, a size or a date says nothing. */
  readonly whole?: true;
  /** Left out where there is no room, the highest first; a column without it stays. */
  readonly spare?: number;
}

const GAP = "  ";
/** A column of words that is narrower is hard to read: rather another one is left out. */
const COMFORTABLE = 10;
/** A column that is narrower says nothing any more. */
const NARROWEST = 6;
const CUT = "…";

/**
 * The table's lines. Columns are as wide as what is in them; where that is more than `width` characters, the spare ones
 * are left out (which the last line says), then the widest of words give way, but never the first: it names the row, and
 * is what a person copies.
 */
export function tableLines<T>(rows: readonly T[], columns: readonly Column<T>[], width: number): string[] {
  const all = columns.map((column) => {
    const cells = [column.title, ...rows.map((row) => column.value(row))];
    return { column, cells, width: Math.max(...cells.map((cell) => Bun.stringWidth(cell))) };
  });
  const shown = withoutSpare(all, width);
  const widths = fitted(shown, width);
  const lines = [undefined, ...rows].map((_, line) =>
    shown
      .map(({ cells }, index) => padded(cells[line] ?? "", widths[index] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
  const left = all.filter((one) => !shown.includes(one)).map(({ column }) => column.title);
  return left.length === 0 ? lines : [...lines, ...leftOutLines(left, width)];
}

interface Measured<T> {
  readonly column: Column<T>;
  /** The title first. */
  readonly cells: readonly string[];
  readonly width: number;
}

function withoutSpare<T>(all: readonly Measured<T>[], width: number): readonly Measured<T>[] {
  const least = ({ column, width: own }: Measured<T>, index: number): number =>
    index === 0 || column.whole ? own : Math.min(own, COMFORTABLE);
  let shown = all;
  while (total(shown.map(least)) > width) {
    const most = Math.max(...shown.map(({ column }) => column.spare ?? 0));
    if (most === 0) return shown;
    shown = shown.filter(({ column }) => column.spare !== most);
  }
  return shown;
}

function fitted<T>(shown: readonly Measured<T>[], width: number): number[] {
  const widths = shown.map((one) => one.width);
  for (let over = total(widths) - width; over > 0; over--) {
    const words = widths.map((own, index) => (index === 0 || shown[index]?.column.whole ? 0 : own));
    const widest = Math.max(...words);
    if (widest <= NARROWEST) break;
    widths[words.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, 0) + GAP.length * (widths.length - 1);
}

function leftOutLines(titles: readonly string[], width: number): string[] {
  return ["", ...wrapText(`No room for ${titles.join(", ")}: a wider terminal or --json has them.`, width)];
}

function padded(cell: string, width: number): string {
  const text = Bun.stringWidth(cell) <= width ? cell : cutText(cell, width - 1) + CUT;
  return text + " ".repeat(Math.max(0, width - Bun.stringWidth(text)));
}
