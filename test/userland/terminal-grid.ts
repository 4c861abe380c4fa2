/** The text that a Linux console shows after what was written to it: enough of one for the boot screen's frames. */

/** What the boot screen sends: places, clearing, colours, and the cursor kept and taken back. */
// oxlint-disable-next-line no-control-regex
const CODE = /\x1b(?:\[([?]?)([\d;]*)([A-Za-z])|([78]))/y;

/** Rows of text, blanks at their ends cut off; a blank on bright white is "█". Throws for a code that the boot screen is not known to send. */
export function terminalRows(written: string, columns: number, rows: number): string[] {
  const grid = Array.from({ length: rows }, () => Array<string>(columns).fill(" "));
  let row = 0;
  let column = 0;
  let isWhite = false;
  for (let at = 0; at < written.length;) {
    CODE.lastIndex = at;
    const code = CODE.exec(written);
    if (code) {
      at += code[0].length;
      const [, , numbers = "", letter] = code;
      if (letter === "H") [row = 0, column = 0] = numbers.split(";").map((number) => Number(number || 1) - 1);
      else if (letter === "m") isWhite = numbers.split(";").includes("107");
      else if (letter === "K") grid[row]?.fill(" ", column);
      else if (letter === "J") for (const line of grid) line.fill(" ");
      else if (letter !== undefined && !"hlr".includes(letter))
        throw new RangeError(`unknown code ${letter}`);
      continue;
    }
    const character = String.fromCodePoint(written.codePointAt(at) ?? 0);
    at += character.length;
    const line = grid[row];
    if (!line || column >= columns)
      throw new RangeError(`"${character}" lies outside: row ${row}, column ${column}`);
    line[column++] = character === " " && isWhite ? "█" : character;
  }
  return grid.map((line) => line.join("").trimEnd());
}
