/**
 * CmdSN, RFC 7143 section 4.2.2.1: commands are taken in the order of their numbers, and only as many as were announced.
 * Numbers are compared in serial arithmetic (RFC 1982): they wrap at 2^32.
 */
export class CommandWindow {
  readonly #size: number;
  #expected: number;
  /** Numbered commands that have been taken and not answered: they narrow the window. */
  #outstanding = 0;

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
    this.#expected = (this.#expected + 1) >>> 0;
    this.#outstanding++;
    return "take";
  }

  /** A numbered command has been answered, or needs no answer any more. */
  release(): void {
    this.#outstanding--;
  }
}
