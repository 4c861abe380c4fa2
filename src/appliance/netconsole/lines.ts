/** Makes lines of the pieces in which a firmware sends its log: some datagrams hold half a line, some several. */

/** A line that never ends is cut here; the firmware's longest have some 200 characters. */
const LINE_MAX_CHARS = 400;
/** Senders whose begun line is kept; the oldest is forgotten. */
const SENDERS_MAX = 256;

export class LineAssembler {
  readonly #begun = new Map<string, string>();

  /** The lines that are whole with this piece, without empty ones. */
  take(sender: string, text: string): string[] {
    const pieces = `${this.#begun.get(sender) ?? ""}${text}`.split(/\r\n|\n|\r/);
    const rest = pieces.pop() ?? "";
    this.#begun.delete(sender);
    if (rest.length >= LINE_MAX_CHARS) pieces.push(rest);
    else if (rest !== "") this.#begun.set(sender, rest);
    const [oldest] = this.#begun.keys();
    if (this.#begun.size > SENDERS_MAX && oldest !== undefined) this.#begun.delete(oldest);
    return pieces.filter((piece) => piece.trim() !== "").map((piece) => piece.slice(0, LINE_MAX_CHARS));
  }
}
