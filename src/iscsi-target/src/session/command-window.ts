/**
 * CmdSN, RFC 7143 section 4.2.2.1: commands are taken in the order of their numbers, and only as many as were announced.
 * Numbers are compared in serial arithmetic (RFC 1982): they wrap at 2^32.
 */
export class CommandWindow {
  readonly #size: number;
  #expected: number;
  /** Numbered commands that have been taken and not answered: they narrow the window. */
  #outstanding = 0;
  /** Numbers ahead that will not come any more. At most a window of them. */
  readonly #forgone = new Set<number>();

  constructor(firstCmdSn: number, size: number) {
    this.#expected = firstCmdSn;
    this.#size = size;
  }

  get expCmdSn(): number {
    return this.#expected;
  }

  get maxCmdSn(): number {
    return (this.#expected + this.#size - this.#outstanding - 1) >>> 0;
  }

  /**
   * "take" counts the command in; "ignore" is what section 4.2.2.1 asks for outside the window;
   * "gap": an earlier number is missing, which on a session of one connection nothing can bring any more.
   */
  admit(cmdSn: number, immediate: boolean): "take" | "ignore" | "gap" {
    if (immediate) return "take";
    const ahead = (cmdSn - this.#expected) >>> 0;
    if (ahead >= this.#size - this.#outstanding) return "ignore";
    if (ahead > 0) return "gap";
    this.#advance();
    this.#outstanding++;
    return "take";
  }

  /**
   * Counts a number as received that an abort names, though its command was never seen (section 11.5.1);
   * false when it is outside the window.
   */
  forgo(cmdSn: number): boolean {
    const ahead = (cmdSn - this.#expected) >>> 0;
    if (ahead >= this.#size - this.#outstanding) return false;
    if (ahead > 0) this.#forgone.add(cmdSn);
    else this.#advance();
    return true;
  }

  #advance(): void {
    do this.#expected = (this.#expected + 1) >>> 0;
    while (this.#forgone.delete(this.#expected));
  }

  /** A numbered command has been answered, or needs no answer any more. */
  release(): void {
    this.#outstanding--;
  }
}
