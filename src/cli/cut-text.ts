/** Text cut to, or in lines of, a number of columns of a terminal: wide signs take two, colours none, and no sign is cut in half. */

/** The codes of colours that `painter` writes. */
// oxlint-disable-next-line no-control-regex
const COLOUR = /(\u001b\[\d+m)/;
const RESET = "\u001b[0m";
const SIGNS = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** At most so many columns of `text`; a colour that was begun is ended. */
export function cutText(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let room = columns;
  let out = "";
  for (const part of text.split(COLOUR)) {
    if (COLOUR.test(part)) {
      out += part;
      continue;
    }
    for (const { segment } of SIGNS.segment(part)) {
      const wide = Bun.stringWidth(segment);
      if (wide > room) return out.includes("\u001b") ? out + RESET : out;
      room -= wide;
      out += segment;
    }
  }
  return out;
}

/** The words of `text` in lines of at most so many columns; a longer word is a line of its own. Without colours. */
export function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.trim().split(/ +/)) {
    const last = lines.at(-1);
    const longer = last === undefined ? word : `${last} ${word}`;
    if (last === undefined || Bun.stringWidth(longer) > columns) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
