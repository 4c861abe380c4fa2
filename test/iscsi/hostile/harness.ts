/** Starts the target of the hostile suite and looks after it; what a good initiator finds while and after a bad one is there. */
import { expect } from "bun:test";
import { z } from "zod";
import { Initiator, READ_16, cdb16 } from "../../../src/iscsi-target/testing/initiator.ts";
import { TARGETS } from "./circumstances.ts";

const MIB = 1024 * 1024;
/** From dialling to the first read answered, on a machine that is busy with other suites. */
const GOOD_LOGIN_MS = 3000;
/** What may be left of an attack: the allocator keeps some of what it had. */
const MEMORY_SLACK_BYTES = 40 * MIB;
/** Sessions end, and memory is given back, within this. */
const RECOVERY_MS = 8000;
const SAMPLE_MS = 50;

const StateSchema = z.object({
  rssBytes: z.number(),
  sessions: z.number(),
  opened: z.number(),
  closed: z.number(),
  failedLogins: z.number(),
});
export type State = z.infer<typeof StateSchema>;

export class HostileServer {
  readonly port: number;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncGenerator<string>;
  #queue: Promise<unknown> = Promise.resolve();
  #baseline: State | undefined;
  #isids = 0;

  private constructor(
    child: Bun.Subprocess<"pipe", "pipe", "inherit">,
    lines: AsyncGenerator<string>,
    port: number,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.port = port;
  }

  static async start(): Promise<HostileServer> {
    const child = Bun.spawn([process.execPath, `${import.meta.dir}/server.ts`], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const lines = linesOf(child.stdout);
    const first = await lines.next();
    const { port } = z.object({ port: z.number() }).parse(JSON.parse(String(first.value)));
    const server = new HostileServer(child, lines, port);
    // Code is compiled and buffers are made on the first use, which is nobody's leak.
    for (let i = 0; i < 20; i++) await server.greet();
    server.#baseline = await server.ask("collect");
    return server;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }

  /** One question at a time. */
  ask(what: "state" | "collect"): Promise<State> {
    const answer = this.#queue.then(async () => {
      await this.#child.stdin.write(`${what}\n`);
      await this.#child.stdin.flush();
      return StateSchema.parse(JSON.parse(String((await this.#lines.next()).value)));
    });
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  /** A good initiator logs in, reads and logs out, and is not kept waiting. */
  async greet(): Promise<void> {
    const started = performance.now();
    const isid = `023d0000${(0xf000 + (this.#isids++ % 0xfff)).toString(16)}`;
    const good = await Initiator.login(this.port, {
      target: TARGETS.fast,
      isid,
      initiatorName: "iqn.2026-01.test:good",
    });
    await good.command([0x00]);
    const { status, data } = await good.command(cdb16(READ_16, 0, 8), { expectedLength: 4096 });
    expect([status, data.length]).toEqual([0, 4096]);
    await good.logout();
    expect(performance.now() - started).toBeLessThan(GOOD_LOGIN_MS);
  }

  /** The most memory that the target holds, beyond what it had at first, until `done` settles. */
  async peakWhile(done: Promise<unknown>): Promise<number> {
    const over = done.then(() => true);
    let peak = 0;
    do peak = Math.max(peak, (await this.ask("state")).rssBytes);
    while (!(await Promise.race([over, Bun.sleep(SAMPLE_MS).then(() => false)])));
    return peak - (this.#baseline?.rssBytes ?? 0);
  }

  /** After an attack: a good login at once, every session ended as often as it was opened, memory back. */
  async recovers(): Promise<void> {
    await this.greet();
    const before = this.#baseline?.rssBytes ?? 0;
    const deadline = performance.now() + RECOVERY_MS;
    let state = await this.ask("collect");
    const isBack = (): boolean =>
      state.sessions === 0 && state.opened === state.closed && state.rssBytes - before < MEMORY_SLACK_BYTES;
    while (!isBack() && performance.now() < deadline) {
      await Bun.sleep(SAMPLE_MS);
      state = await this.ask("collect");
    }
    const { sessions, opened, closed } = state;
    expect({ sessions, left: opened - closed }).toEqual({ sessions: 0, left: 0 });
    expect((state.rssBytes - before) / MIB).toBeLessThan(MEMORY_SLACK_BYTES / MIB);
    await this.greet();
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}
