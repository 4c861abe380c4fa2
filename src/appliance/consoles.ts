/**
 * What Pis say on their consoles, as far as it comes over the network: the shim posts the kernel's log to the boot
 * endpoint, a kernel's netconsole sends it by UDP. The latest of each Pi is kept, and told live.
 */
import { kernelLine } from "./boot/kernel-record.ts";
import type { LiveFeed } from "./live-feed.ts";

export type ConsoleSource = "shim" | "netconsole";

/** Several whole boots of a talkative kernel. */
export const CONSOLE_KEPT_CHARS = 256 * 1024;
/** A line that never ends is cut there: no program writes longer ones for people. */
export const CONSOLE_LINE_MAX_CHARS = 4096;
/** Consoles kept; the one that was silent longest goes first. A hostile host can invent serial numbers. */
export const CONSOLES_KEPT = 128;

/** Colours and cursor movements: nobody could find words between them, and they must not reach a terminal. */
const TERMINAL_CODES =
  // oxlint-disable-next-line no-control-regex
  /\u001b(?:\[[0-9;?]*[a-zA-Z]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[()][0-9A-B]|[=>78])/g;

export interface ConsoleLine {
  /** Grows by one with each line of any Pi, and across restarts of the server too. */
  readonly id: number;
  /** Unix milliseconds at which its end came. */
  readonly at: number;
  readonly text: string;
}

interface Kept {
  lines: ConsoleLine[];
  chars: number;
  /** Id of the last line that went to make room, or the last one before the first. */
  lostUpTo: number;
  /** Per source, the beginning of a line whose end has not come. */
  readonly begun: Map<ConsoleSource, string>;
}

export class Consoles {
  readonly #feed: LiveFeed;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #firstId: number;
  #nextId: number;

  constructor(feed: LiveFeed, now: () => number = Date.now) {
    this.#feed = feed;
    this.#now = now;
    this.#firstId = now();
    this.#nextId = this.#firstId;
  }

  /** Takes text as it comes, in pieces of any size; each line is told when its end is there. */
  add(pi: string, source: ConsoleSource, text: string): void {
    const kept = this.#of(pi);
    const pieces = ((kept.begun.get(source) ?? "") + text.replaceAll("\r", "")).split("\n");
    const rest = pieces.pop() ?? "";
    for (const piece of pieces) {
      const line = source === "shim" ? kernelLine(piece) : piece;
      if (line !== undefined) this.#line(pi, kept, line);
    }
    if (rest.length < CONSOLE_LINE_MAX_CHARS) kept.begun.set(source, rest);
    else {
      kept.begun.delete(source);
      this.#line(pi, kept, rest);
    }
  }

  /** The kept lines of a Pi after that id, oldest first; all of them when it is not given. */
  since(pi: string, id = 0): readonly ConsoleLine[] {
    return (this.#kept.get(pi)?.lines ?? []).filter((line) => line.id > id);
  }

  /** Whether the Pi said something after that id which is not kept, or nobody here gave that id. */
  hasLost(pi: string, id: number): boolean {
    return id >= this.#nextId || id < (this.#kept.get(pi)?.lostUpTo ?? this.#firstId - 1);
  }

  /** Gives what a Pi has said to the key that it is known by from now on. */
  movePi(from: string, to: string): void {
    const kept = this.#kept.get(from);
    if (!kept) return;
    this.#kept.delete(from);
    if (!this.#kept.has(to)) this.#kept.set(to, kept);
  }

  forget(pi: string): void {
    this.#kept.delete(pi);
  }

  #of(pi: string): Kept {
    const kept = this.#kept.get(pi) ?? {
      lines: [],
      chars: 0,
      lostUpTo: this.#firstId - 1,
      begun: new Map(),
    };
    this.#kept.delete(pi);
    this.#kept.set(pi, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > CONSOLES_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return kept;
  }

  #line(pi: string, kept: Kept, raw: string): void {
    const text = printable(raw).slice(0, CONSOLE_LINE_MAX_CHARS);
    const line: ConsoleLine = { id: this.#nextId++, at: this.#now(), text };
    kept.lines.push(line);
    kept.chars += text.length + 1;
    while (kept.chars > CONSOLE_KEPT_CHARS) {
      const gone = kept.lines.shift();
      kept.chars -= (gone?.text.length ?? 0) + 1;
      kept.lostUpTo = gone?.id ?? kept.lostUpTo;
    }
    this.#feed.tell({ kind: "console", pi, ...line });
  }
}

/** What stays may neither move a cursor nor turn the direction of a person's screen. */
function printable(text: string): string {
  return text
    .replaceAll(TERMINAL_CODES, "")
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (sign) => (sign === "\t" ? sign : ""));
}
