/** A virtual machine's serial console: everything it says is kept, and a test waits for words instead of sleeping. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A failure shows this much of the console; the whole of it is in the log file. */
const SHOWN_LINES = 40;
/** Colours and cursor movements, which a login shell and systemd like to send. */
// oxlint-disable-next-line no-control-regex
const TERMINAL_CODES = /\x1b(?:\[[0-9;?]*[a-zA-Z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78])/g;

const LONGEST_TERMINAL_CODE = 32;

/**
 * What a program (`count-writes`) or the kernel says when a disk failed it. iscsid's "Login I/O error" is not among it: that
 * is a try to log in that came too early, and is made again.
 */
export const DISK_ERRORS = /failed \d|(?<!Login )I\/O error|Remounting filesystem/;

export interface ConsoleIo {
  readonly output: ReadableStream<Uint8Array>;
  readonly type: (text: string) => void;
}

export class Console {
  readonly #name: string;
  readonly #logPath: string;
  readonly #type: (text: string) => void;
  #text = "";
  #unfinished = "";
  /** What a wait has already matched is not looked at again. */
  #cursor = 0;
  #ended = false;
  readonly #watchers = new Set<() => void>();

  constructor(name: string, logPath: string, io: ConsoleIo) {
    this.#name = name;
    this.#logPath = logPath;
    this.#type = io.type;
    mkdirSync(dirname(logPath), { recursive: true });
    writeFileSync(logPath, "");
    void this.#read(io.output);
  }

  /** Everything said so far, without terminal codes. */
  get text(): string {
    return this.#text;
  }

  /** Types text as a person would; "\n" is the enter key. */
  type(text: string): void {
    this.#type(text);
  }

  /**
   * Waits for words after those of the wait before, and returns the match. Rejects with the end of the console when
   * `limitMs` passes or the machine stops, or as soon as `unless` is said.
   */
  async waitFor(pattern: RegExp, limitMs: number, unless?: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const unseen = this.#text.slice(this.#cursor);
      const match = pattern.exec(unseen);
      if (match) {
        this.#cursor += match.index + match[0].length;
        return match;
      }
      const wrong = unless?.exec(unseen);
      if (wrong) throw this.#failure(`said "${wrong[0]}" before ${pattern}`);
      if (this.#ended) throw this.#failure(`stopped before it said ${pattern}`);
      if (!(await this.#change(deadline)))
        throw this.#failure(`did not say ${pattern} in ${limitMs / 1000} s`);
    }
  }

  /** Waits until nothing has been said for a while. */
  async waitForSilence(quietMs: number): Promise<void> {
    while (await this.#change(performance.now() + quietMs));
  }

  /** Logs in as root at a login prompt, and waits for the shell. */
  async logIn(password: string, limitMs: number): Promise<void> {
    await this.waitFor(/login: $/m, limitMs, /Kernel panic|state=fail/);
    this.type("root\n");
    await this.waitFor(/Password: /, LOGIN_STEP_MS);
    this.type(`${password}\n`);
    await this.waitFor(/# $/m, LOGIN_STEP_MS, /incorrect/);
    // Kernel messages in the middle of an answer could not be told from it.
    await this.run("dmesg -n 1");
  }

  /** Runs a command in the shell and returns what it printed. Rejects when it fails. */
  async run(command: string, limitMs = COMMAND_MS): Promise<string> {
    // The shell shows what is typed, in as many lines as it likes: with these quotes that never looks like a mark.
    this.type(`echo be"gins:"; ${command}; echo en"ded:$?:"\n`);
    const [, output = "", code] = await this.waitFor(/begins:\r?\n([^]*)ended:(\d+):\r?\n/, limitMs);
    if (code !== "0") throw this.#failure(`"${command}" ended with ${code}`);
    return output.replaceAll("\r", "").trim();
  }

  async #read(output: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of output) {
      const text = decoder.decode(bytes, { stream: true });
      appendFileSync(this.#logPath, text);
      this.#append(text);
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  /** A terminal code may come in two pieces: an unfinished one waits for its end. */
  #append(text: string): void {
    const clean = (this.#unfinished + text).replaceAll(TERMINAL_CODES, "");
    const escape = clean.lastIndexOf("\u001b");
    const isUnfinished = escape >= 0 && clean.length - escape < LONGEST_TERMINAL_CODE;
    this.#text += isUnfinished ? clean.slice(0, escape) : clean;
    this.#unfinished = isUnfinished ? clean.slice(escape) : "";
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Waits for the console to say or end something: false when the deadline comes first. */
  async #change(deadline: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), Math.max(0, deadline - performance.now()));
    const watcher = (): void => resolve(true);
    this.#watchers.add(watcher);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    }
  }

  #failure(what: string): Error {
    const tail = this.#text.split("\n").slice(-SHOWN_LINES).join("\n");
    return new Error(`${this.#name} ${what}. Its console ends with:\n${tail}\n(all of it: ${this.#logPath})`);
  }
}

/** Typing a name and getting the next prompt takes a second or two in a virtual machine without KVM. */
const LOGIN_STEP_MS = 60_000;
const COMMAND_MS = 60_000;
