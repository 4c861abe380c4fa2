/** Tables as lines of text, no wider than the terminal: a pure function. */

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
}

const GAP = "  ";
/** A column that is narrower says nothing any more. */
const NARROWEST = 6;
const CUT = "…";

/**
 * The table's lines. Columns are as wide as what is in them; where that is more than `width` characters, the widest give
 * way, but never the first: it names the row, and is what a person copies.
 */
export function tableLines<T>(rows: readonly T[], columns: readonly Column<T>[], width: number): string[] {
  const lines = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ value }) => value(row))),
  ];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((line) => Bun.stringWidth(line[index] ?? ""))),
  );
  fit(widths, width);
  return lines.map((line) =>
    line
      .map((cell, index) => padded(cell, widths[index] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

function fit(widths: number[], width: number): void {
  let over = widths.reduce((sum, each) => sum + each, 0) + GAP.length * (widths.length - 1) - width;
  for (; over > 0; over--) {
    const widest = Math.max(...widths.slice(1));
    if (widest <= NARROWEST) return;
    const index = widths.indexOf(widest, 1);
    widths[index] = widest - 1;
  }
}

function padded(cell: string, width: number): string {
  const wide = Bun.stringWidth(cell);
  if (wide <= width) return cell + " ".repeat(width - wide);
  let cut = cell;
  while (Bun.stringWidth(cut) > width - 1) cut = cut.slice(0, -1);
  return cut + CUT + " ".repeat(Math.max(0, width - 1 - Bun.stringWidth(cut)));
}
