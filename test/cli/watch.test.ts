/** `pinetboot watch` on a real pseudo-terminal, and in a pipe. */
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { linesOf, SOURCE, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const folder = temporaryFolder("watch");
const data = join(folder.path, "data");
afterAll(() => folder.dispose());

const SCREEN = "\u001b[H";
const ALTERNATE_OFF = "\u001b[?25h\u001b[?1049l";
/** What stty says after it: a terminal that shows what is typed again. */
const SANE = /(?<!-)icanon.*(?<!-)\becho\b/s;

/** A terminal in which `watch` runs, and after it stty. */
class Terminal {
  readonly #child;
  readonly #reader;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor() {
    const command = [...SOURCE, "watch", "--data", data].map((word) => `'${word}'`).join(" ");
    this.#child = Bun.spawn(
      [
        "script",
        "-qec",
        `stty cols 80 rows 24; sh -c 'echo pid=$$; exec "$@"' sh ${command}; echo status=$?; stty -a`,
        "/dev/null",
      ],
      {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
        env: { ...process.env, TERM: "xterm-256color", PINETBOOT_SERVER: undefined },
      },
    );
    this.#reader = this.#child.stdout.getReader();
  }

  /** Of `watch` itself, which has drawn. */
  get watchPid(): number {
    return Number(/pid=(\d+)/.exec(this.#text)?.[1]);
  }

  /** Resolves when the condition holds for what is on the screen now. */
  async until(holds: (screen: string) => boolean): Promise<void> {
    while (!holds(this.#text.slice(this.#text.lastIndexOf(SCREEN)))) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`it ended: ${JSON.stringify(this.#text.slice(-2000))}`);
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** Types, and resolves with all that came after until the terminal ended. */
  async end(keys: string): Promise<string> {
    void this.#child.stdin.write(keys);
    await this.#child.stdin.flush();
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) return this.#text.slice(this.#text.lastIndexOf(SCREEN));
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }
}

describeWith(["script", "stty"], "watch", () => {
  test("in a pipe ends when nobody reads on", async () => {
    const server = await TestServer.start({ data });
    const command = [...SOURCE, "watch", "--data", data].map((word) => `'${word}'`).join(" ");
    const child = Bun.spawn(["bash", "-c", `${command} | head -1; echo status=\${PIPESTATUS[0]}`], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    try {
      const lines = linesOf(child.stdout);
      expect(await untilHeard(server, lines.next())).toContain("session ok");
      expect(await untilHeard(server, lines.next())).toBe("status=141");
    } finally {
      child.kill("SIGKILL");
      await server.stop("SIGKILL");
    }
  }, 120_000);

  test("goes on when a server that was killed is back, and gives the terminal back as it was", async () => {
    let server = await TestServer.start({ data });
    try {
      const terminal = new Terminal();
      await terminal.until((screen) => screen.includes("No Pi has asked yet"));
      expect((await server.cli("pi", "set", "8d3fa2c1", "--name", "rack3-left")).code).toBe(0);
      await terminal.until((screen) => screen.includes("rack3-left"));
      await server.stop("SIGKILL");
      await terminal.until(
        (screen) => screen.includes("The server went away") && screen.includes("rack3-left"),
      );
      server = await TestServer.start({ data });
      await terminal.until(
        (screen) => !screen.includes("The server went away") && screen.includes("rack3-left"),
      );
      const after = await terminal.end("q");
      expect(after).toContain(ALTERNATE_OFF);
      expect(after).toContain("status=0");
      expect(after).toMatch(SANE);
    } finally {
      await server.stop("SIGKILL");
    }
  }, 120_000);

  test("ends by Ctrl-C and by a signal as by q", async () => {
    const server = await TestServer.start({ data });
    try {
      const interrupted = new Terminal();
      await interrupted.until((screen) => screen.includes("rack3-left"));
      expect(await interrupted.end("\u0003")).toMatch(SANE);
      const ended = new Terminal();
      await ended.until((screen) => screen.includes("rack3-left"));
      process.kill(ended.watchPid, "SIGTERM");
      const after = await ended.end("");
      expect(after).toContain(ALTERNATE_OFF);
      expect(after).toMatch(SANE);
    } finally {
      await server.stop("SIGKILL");
    }
  }, 120_000);

  test("in a pipe has a JSON document a line, no colours, and ends with the server and why", async () => {
    const server = await TestServer.start({ data });
    const child = Bun.spawn([...SOURCE, "watch", "--json", "--data", data], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, PINETBOOT_SERVER: undefined },
    });
    try {
      const lines = linesOf(child.stdout);
      // It says nothing until something happens: something is made to, until it has been heard.
      const heard = lines.next();
      const found = await untilHeard(server, heard);
      expect(JSON.parse(found)).toMatchObject({ stage: "session", pi: null });
      await server.stop("SIGKILL");
      const words = new Response(child.stderr).text();
      expect(await child.exited).toBe(1);
      expect(JSON.parse(await words)).toMatchObject({ error: { code: "not-serving" } });
    } finally {
      child.kill("SIGKILL");
      await server.stop("SIGKILL");
    }
  }, 120_000);
});

/** Makes disks until the first line has come. */
async function untilHeard(server: TestServer, first: Promise<IteratorResult<string>>): Promise<string> {
  for (;;) {
    await server.createSession({ image: "blank", size: "1M" });
    const line = await Promise.race([first, Bun.sleep(200).then(() => undefined)]);
    if (line && !line.done) return line.value;
  }
}
